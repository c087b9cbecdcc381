"""`iqa-train import-log`: turns logs of the original training script into runs that are marked as imported."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.cli.text import plain
from iqa_train.errors import UsageError, UserError, visible
from iqa_train.log_import.naming import STUDY, names_for
from iqa_train.log_import.read_log import OldLog, read_log
from iqa_train.log_import.store import THERE, Stored, require_own_study, store
from iqa_train.runs.state_names import FINISHED
from iqa_train.study.find import find_study
from iqa_train.study.load import load_study
from iqa_train.study.messages import NAME_WORDS, is_name
from iqa_train.study.model import BY_HAND, Study
from iqa_train.study.profiles import study_name
from iqa_train.text import plural

_DESCRIPTION = """\
Turn logs of the original training script into runs: the settings that a log states, its epochs, the best of them, and
how it ended. The log stays where it is; the run refers to it, with its SHA-256. Imported runs have values but no
predictions: tables show them, and no significance test uses them. Runs that were imported before are left unchanged."""
_EPILOG = "exit status: 0 all imported, 1 some could not be imported, 2 none is a log of that script, or usage"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train import-log", _DESCRIPTION, _EPILOG)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="logs, such as logs/*_lr5e7_*.log")
    parser.add_argument("--study", default=STUDY, metavar="NAME", help=f"study of the imported runs [{STUDY}]")
    parser.add_argument(
        "--experiment", "--exp", metavar="ID", help="experiment that a single FILE is a run of [from the file's name]"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser, study=False)
    options = parser.read(argv)
    study = load_study(find_study(options.experiments))
    study_name(study, profile_of(options))  # raises for an unknown profile
    runs_dir = Path(options.runs_dir)
    _check(options.study, options.experiment, len(options.files), study)
    require_own_study(options.study, runs_dir)

    logs, failed = _read(options.files)
    stored: dict[int, Stored] = {}
    # Of several runs with the same settings and seed, a finished one gets the name without a number.
    for place in sorted(logs, key=lambda place: logs[place].outcome.state not in FINISHED):
        path, log = options.files[place], logs[place]
        try:
            stored[place] = store(log, names_for(path, study, options.experiment), options.study, runs_dir)
        except UserError as error:
            failed[place] = error
    done = [stored[place] for place in sorted(stored)]
    refused = [(options.files[place], failed[place]) for place in sorted(failed)]
    if options.json:
        print(json.dumps(_document(options.study, done, refused), indent=2, ensure_ascii=False))
    else:
        for imported_log in done:
            print("\n".join(_lines(imported_log)))
    for _, why in refused:
        print(f"iqa-train: {plain(str(why))}", file=sys.stderr)
    if not done:
        return max(why.exit_code for _, why in refused)
    return 1 if refused else 0


def _read(files: Sequence[Path]) -> tuple[dict[int, OldLog], dict[int, UserError]]:
    """The content of each file, or why it cannot be imported, by its index in `files`."""
    logs: dict[int, OldLog] = {}
    failed: dict[int, UserError] = {}
    for place, path in enumerate(files):
        try:
            logs[place] = read_log(path)
        except UserError as error:
            failed[place] = error
    return logs, failed


def _check(name: str, experiment: str | None, files: int, study: Study) -> None:
    """Raise UsageError for names that are not valid or taken."""
    for option, value in (("--study", name), ("--experiment", experiment)):
        if value is not None and not is_name(value):
            raise UsageError(f'{option} "{visible(value)}" is not a valid name; allowed: {NAME_WORDS}')
    taken = {study_name(study, profile) for profile in (None, *study.profiles)}
    if name in taken or name.lower() == BY_HAND:
        whose = f"of {study.path}" if name in taken else "of runs without a study file"
        raise UsageError(f"--study {name} is the study {whose}; imported runs need their own study, such as {STUDY}")
    if experiment is not None and files > 1:
        raise UsageError(f"--experiment names the experiment of one file, not of {files}; import each on its own")


def _lines(stored: Stored) -> list[str]:
    log = stored.log
    head = f"{plain(str(log.path))}: {stored.what}"
    if stored.what == THERE:
        return [f"{head}; already imported as {stored.run.path}"]
    rounds = f", {len(log.rounds)} rounds" if len(log.rounds) > 1 else ""
    best = _best(stored)
    value = "" if best["srcc"] is None else f", best test SRCC {best['srcc']:.4f} at epoch {best['epoch']}"
    epochs = plural(log.training.epochs, "epoch")
    summary = f"{log.outcome.name}{rounds}, {epochs}{value}"
    notes = [note for note in (log.outcome.reason, stored.note) if note]
    return [f"{head} as {stored.run.path}: {summary}", *(f"  {plain(note)}" for note in [*notes, *log.notes])]


def _best(stored: Stored) -> dict[str, Any]:
    """The best epoch of all rounds; with a result, to the digits of the log's closing line."""
    best: dict[str, Any] = {"srcc": None, "plcc": None, "epoch": None, "round": None}
    for number, round_ in enumerate(stored.log.rounds, 1):
        chosen = round_.chosen
        if chosen is None or chosen.test_srcc is None or chosen.test_srcc <= (best["srcc"] or -2):
            continue
        srcc, plcc = round_.best or (chosen.test_srcc, chosen.test_plcc)
        best = {"srcc": srcc, "plcc": plcc, "epoch": chosen.number, "round": number}
    return best


def _document(study: str, stored: Sequence[Stored], failed: Sequence[tuple[Path, UserError]]) -> dict[str, Any]:
    return {
        "study": study,
        "imported": [_entry(imported_log) for imported_log in stored],
        "failed": [{"log": str(path), "message": str(error)} for path, error in failed],
    }


def _entry(stored: Stored) -> dict[str, Any]:
    log, spec = stored.log, stored.spec
    values = log.settings.model_dump()
    return {
        "log": str(log.path),
        "sha256": log.sha256,
        "what": stored.what,
        "run_dir": str(stored.run.path),
        "experiment": spec.experiment,
        "seed": spec.seed if log.seed_is_known else None,
        "state": log.outcome.name,
        "finished": log.outcome.state in FINISHED,
        "reason": log.outcome.reason,
        "rounds": len(log.rounds),
        "epochs": log.training.epochs,
        "best": _best(stored),
        "settings": {name: values[name] for name in (*log.logged, *log.by_name)},
        "assumed": list(log.assumed),
        "notes": [*filter(None, [stored.note]), *log.notes],
    }
