"""Stores a log of the original training script in the runs folder as a run: completely or not at all, and only once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import json_bytes, sync_folder, write_atomic, write_json
from iqa_train.log_import import run_files as record
from iqa_train.log_import.naming import RunNames
from iqa_train.log_import.read_log import OldLog
from iqa_train.log_import.same_log import begins, begins_in_numbers, is_of
from iqa_train.runs.import_folder import alone, scratch_folder
from iqa_train.runs.imported import imported_from
from iqa_train.runs.layout import Attempt, RunFolder, run_folder, run_folders
from iqa_train.runs.seeds import UNKNOWN_FOLDER
from iqa_train.runs.state import run_state
from iqa_train.study.spec import RunSpec

NEW, LONGER, THERE = "imported", "updated", "unchanged"


@dataclass(frozen=True)
class Stored:
    """A log and its run. `what` is imported, updated (the log has grown since the last import), or unchanged.

    `note` is a sentence if the run is not named after its log, or if it was matched to an earlier import.
    """

    log: OldLog
    run: RunFolder
    spec: RunSpec
    what: str
    note: str = ""


def store(log: OldLog, names: RunNames, study: str, runs_dir: Path) -> Stored:
    """Write the run, unless it exists. A log that has grown since it was imported becomes another attempt of its run.

    Another log with the same settings and seed becomes a run of its own, of an experiment NAME-2, NAME-3, ...
    """
    with alone(runs_dir):
        runs = run_folders(runs_dir, study)
        same = next((run for run in runs if is_of(run, log)), None)
        if same is not None:
            return Stored(log, same, _spec_at(same, log, names, study), THERE)
        alike = [run for run in runs if _may_hold(run, log, names, study)]
        for is_shorter in (begins, begins_in_numbers):
            shorter = next((run for run in alike if is_shorter(run, log)), None)
            if shorter is not None:
                note = "" if is_shorter is begins else _why_the_same(shorter)
                spec = _spec_at(shorter, log, names, study)
                _write_longer(shorter, log, spec)
                return Stored(log, shorter, spec, LONGER, note)
        number, run, spec = next(_free(log, names, study, runs_dir))
        _write_new(run, log, spec)
        return Stored(log, run, spec, NEW, _note(log, names, spec, runs, run, number))


def _free(log: OldLog, names: RunNames, study: str, runs_dir: Path) -> Iterator[tuple[int, RunFolder, RunSpec]]:
    """Free folders for the run; in a numbered experiment, only if that has no runs with other settings."""
    for number in count(1):
        spec = record.spec_of(log, names.numbered(number), study)
        run = _folder(runs_dir, log, spec)
        beside = {RunFolder(path).config_hash for path in run.path.parent.glob("s*-*")}
        if not run.path.exists() and (number == 1 or beside <= {spec.config_hash}):
            yield number, run, spec


def _folder(runs_dir: Path, log: OldLog, spec: RunSpec) -> RunFolder:
    """The run's folder; without a number in its name where the log does not state the seed."""
    run = run_folder(runs_dir, spec)
    return run if log.seed_is_known else RunFolder(run.path.with_name(f"{UNKNOWN_FOLDER}-{spec.config_hash}"))


def _spec_at(run: RunFolder, log: OldLog, names: RunNames, study: str) -> RunSpec:
    """The specification, under the experiment's name in the path of `run`."""
    number = run.experiment.removeprefix(f"{names.experiment}-")
    return record.spec_of(log, names.numbered(int(number)) if number.isdecimal() else names, study)


def _may_hold(run: RunFolder, log: OldLog, names: RunNames, study: str) -> bool:
    """Whether the run has this experiment, settings and seed, by its path."""
    number = run.experiment.removeprefix(names.experiment)
    spec = record.spec_of(log, names, study)
    return re.fullmatch(r"(?:-\d{1,6})?", number) is not None and run.path.name == _folder(Path(), log, spec).path.name


def _why_the_same(run: RunFolder) -> str:
    known = imported_from(run)
    assert known is not None
    return f"its first epochs are those of {known.log}, which did not end, so it is taken for the same run"


def _note(log: OldLog, names: RunNames, spec: RunSpec, others: Sequence[RunFolder], run: RunFolder, number: int) -> str:
    """Why the run has a number in its name, or that a shorter version of the log was imported under other settings."""
    if number > 1:
        first = RunFolder(run.path.parent.with_name(names.experiment) / run.path.name)
        ended = "" if not first.path.exists() or run_state(first).finished else " (it did not end)"
        return (
            f"another log of {names.experiment} with the same settings and seed is there{ended}, so this run is called "
            f"{spec.experiment}"
        )
    shorter = next((other for other in others if begins(other, log)), None)
    if shorter is None:
        return ""
    return (
        f"{shorter.path} holds the same log when it was shorter, under the settings that it had then; delete that "
        "folder if you do not need it"
    )


def require_own_study(study: str, runs_dir: Path) -> None:
    """Raise RunError if `study` has runs of this program: tables would mix them with imported ones."""
    trained = next((run for run in run_folders(runs_dir, study) if imported_from(run) is None), None)
    if trained is not None:
        raise RunError(
            f"the study {study} has runs that were not imported, such as {trained.path}; give another --study"
        )


def _write_new(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    """Write the complete folder under another name, then rename it."""
    run.path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(run.path.parent) as scratch:
        made = RunFolder(scratch / run.path.name)
        made.path.mkdir()
        write_json(made.spec, record.spec_document_of(log, spec))
        _write_attempt(made.next_attempt(), log)
        _write_top(made, log, spec)
        made.path.rename(run.path)
    sync_folder(run.path.parent)


def _write_longer(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    """Write another attempt, then result and provenance; after a kill in between, the next import repeats it."""
    with scratch_folder(run.path) as scratch:
        attempt = run.next_attempt()
        made = Attempt(scratch / attempt.folder.name)
        _write_attempt(made, log)
        made.folder.rename(attempt.folder)
    _write_top(run, log, spec)


def _write_attempt(attempt: Attempt, log: OldLog) -> None:
    attempt.folder.mkdir()
    write_json(attempt.runner, record.runner_of(log, str(log.path), str(Path.cwd())))
    lines = (json_bytes(event, attempt.metrics, indent=None) for event in record.events_of(log))
    write_atomic(attempt.metrics, b"".join(lines))
    write_json(attempt.exit, record.exit_of(log))


def _write_top(run: RunFolder, log: OldLog, spec: RunSpec) -> None:
    result = record.result_of(log, spec)
    if result is not None:
        write_json(run.result, result)
    write_json(run.provenance, record.provenance_of(record.imported_of(log, str(log.path))))
