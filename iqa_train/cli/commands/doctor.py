"""`iqa-train doctor`: checks this machine and the files of the runs; with each finding, what to do."""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.parser import Parser, add_study_options, profile_of
from iqa_train.cli.scope import study_and_profile
from iqa_train.cli.text import plain, terminal_width
from iqa_train.doctor.check_result import CheckScope, Checkup, Verdict
from iqa_train.doctor.run_checks import checkups
from iqa_train.errors import RunError, StudyError
from iqa_train.text import plural

_DESCRIPTION = """\
Look for what has gone wrong or could: the NVIDIA driver and each GPU, the leases of devices, lost runs and damaged
files, a queue without a scheduler, disk space, network file systems, the clock, the data, and whether logging out kills
runs. Nothing is changed or repaired; each finding says what to do."""
_EPILOG = "exit status: 0 no errors (warnings and notes do not count), 1 errors found, 2 usage"
_WORST_FIRST: tuple[Verdict, ...] = ("error", "warning", "note")
_WIDEST = 110


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UsageError for a command line that is not valid."""
    parser = Parser("iqa-train doctor", _DESCRIPTION, _EPILOG)
    add_study_options(parser)
    parser.add_argument("--pair", action="store_true", help="measure what two hosts see of each other: run it on both")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    options = parser.read(argv)
    if options.pair:
        return _pair(Path(options.runs_dir), as_json=options.json)
    where = CheckScope(Path(options.runs_dir), Path(options.logs_dir), options.experiments, _profile(options))
    found = checkups(where)
    if options.json:
        print(json.dumps({"checks": [checkup.as_json() for checkup in found]}, indent=2, ensure_ascii=False))
    else:
        print(checkups_text(found))
    return 1 if any(checkup.verdict == "error" for checkup in found) else 0


def _pair(runs_dir: Path, *, as_json: bool) -> int:
    """Measure together with the same command on another host. Raises RunError if none comes or answers."""
    from iqa_train.doctor.pair import pair_checkups, pair_measures, pair_table

    def waiting() -> None:
        print(f"waiting for `iqa-train doctor --pair` on another host, with {runs_dir}", file=sys.stderr, flush=True)

    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        measured = pair_measures(runs_dir, waiting)
    except OSError as error:
        raise RunError(f"{error.filename or runs_dir} cannot be used: {error.strerror}") from None
    found = list(pair_checkups(measured))
    if as_json:
        checks = [checkup.as_json() for checkup in found]
        print(json.dumps({"pair": measured.as_json(), "checks": checks}, indent=2, ensure_ascii=False))
    else:
        rows = pair_table(measured)
        widest = max(len(name) for name, _ in rows)
        table = "\n".join(f"  {name:<{widest}}  {plain(value)}" for name, value in rows)
        print(f"{table}\n\n{checkups_text(found)}")
    return 1 if any(checkup.verdict == "error" for checkup in found) else 0


def _profile(options: argparse.Namespace) -> str | None:
    """The selected profile; if the study file cannot be read, which a check reports, the one given."""
    try:
        return study_and_profile(options)[1]
    except StudyError:
        return profile_of(options)


def checkups_text(found: Sequence[Checkup], width: int | None = None) -> str:
    """The findings as text: the worst first, then a line for each check that passed, and a closing count."""
    width = width or min(terminal_width(), _WIDEST)
    parts = []
    for verdict in _WORST_FIRST:
        chosen = [checkup for checkup in found if checkup.verdict == verdict]
        if chosen:
            parts.append("\n".join([f"{verdict.capitalize()}s", *(_entry(checkup, width) for checkup in chosen)]))
    well = [checkup for checkup in found if checkup.verdict == "ok"]
    if well:
        lines = [_filled(checkup.message, width, f"  {checkup.name:<13}") for checkup in well]
        parts.append("\n".join(["OK", *lines]))
    return "\n\n".join([*parts, _summary(found)])


def _entry(checkup: Checkup, width: int) -> str:
    lines = [f"  {checkup.name}", _filled(checkup.message, width, "      ")]
    if checkup.cure:
        lines.append(_filled(checkup.cure, width, "      -> "))
    return "\n".join(lines)


def _filled(text: str, width: int, head: str) -> str:
    return textwrap.fill(
        plain(text),
        max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(found: Sequence[Checkup]) -> str:
    counts = {verdict: sum(checkup.verdict == verdict for checkup in found) for verdict in ("error", "warning")}
    named = [plural(n, verdict) for verdict, n in counts.items() if n]
    return f"{', '.join(named)}." if named else "No problems found."
