"""`iqa-train logs EXP`: prints the log of a run's last attempt, or of an earlier one."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.cli.scope import study_named
from iqa_train.errors import RunError
from iqa_train.files import tail_offset
from iqa_train.regular import open_regular
from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.layout import Attempt
from iqa_train.runs.seeds import seed_as_json
from iqa_train.runs.state import run_state
from iqa_train.scheduler.overview import Row, read_overview
from iqa_train.terminal import LogText

_DESCRIPTION = "Print the log of an experiment's last attempt; of several seeds, the one that runs or ran last."
_EPILOG = "exit status: 0 done, 1 there is no log, 2 usage or an unknown experiment"
_BLOCK = 1 << 16
_POLL = 0.2


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train logs", _DESCRIPTION, _EPILOG)
    parser.add_argument("experiment", metavar="EXP", help="an experiment's id, or a run's folder")
    parser.add_argument("-f", "--follow", action="store_true", help="follow the log until the attempt ends")
    parser.add_argument("--tail", type=whole_number(0), metavar="N", help="only the last N lines")
    parser.add_argument("--attempt", type=whole_number(1), metavar="N", help="the log of attempt N instead of the last")
    parser.add_argument("--seed", type=whole_number(0), metavar="N", help="the run with this seed")
    parser.add_argument("--json", action="store_true", help="print the log's place as one JSON object, not its lines")
    add_study_options(parser)
    options = parser.read(argv)
    rows = rows_named(read_overview(Path(options.runs_dir), study_named(options)), [options.experiment])
    row, attempt = _choose([r for r in rows if options.seed in {None, r.seed}], options.attempt)
    log = log_of(attempt) if attempt is not None else None
    if attempt is None or log is None or not log.exists():
        if row.kind.name == "external":
            raise RunError(f"{options.experiment} has imported predictions ({row.kind.words}) and no log")
        raise RunError(f"{options.experiment} has no log{f' at {log}' if log else ' yet'}; iqa-train status says why")
    if options.json:
        place = {
            "experiment": row.experiment,
            "seed": seed_as_json(row.seed),
            "attempt": attempt.number,
            "log": str(log),
        }
        print(json.dumps(place | {"bytes": log.stat().st_size}, indent=2))
        return 0
    _print(row, attempt, log, options.tail, follow=options.follow)
    return 0


def _choose(rows: list[Row], number: int | None) -> tuple[Row, Attempt | None]:
    """The run that is alive, else the last that was started; and its attempt."""
    if not rows:
        raise RunError("there is no run with this seed; iqa-train status lists them")
    started = [r for r in rows if r.run.attempts()]
    alive = [r for r in started if run_state(r.run).alive]
    row = max(alive or started, key=lambda r: r.run.attempts()[-1].folder.stat().st_mtime, default=rows[0])
    attempts = [a for a in row.run.attempts() if number in {None, a.number}]
    return row, attempts[-1] if attempts else None


def _print(row: Row, attempt: Attempt, log: Path, lines: int | None, *, follow: bool) -> None:
    out = sys.stdout.buffer
    shown = LogText() if sys.stdout.isatty() else None
    with os.fdopen(open_regular(log, follow=True), "rb") as file:
        if lines is not None:
            if shown:
                shown.learn(file.read(_BLOCK))  # the header of the epochs, which decides where columns are
            file.seek(tail_offset(file, lines))
        while True:
            ended = attempt.exit.exists() or not run_state(row.run).alive  # asked before the last read
            while block := file.read(_BLOCK):
                out.write(shown.feed(block).encode(errors="replace") if shown else block)
            if shown and (not follow or ended):
                out.write(shown.end().encode(errors="replace"))
            out.flush()
            if not follow or ended:
                return
            time.sleep(_POLL)
