"""`iqa-train stop`: stops runs with a checkpoint, and takes waiting ones out of the queue."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.cli.scope import study_named
from iqa_train.cli.text import plain, say
from iqa_train.errors import RunError, UsageError
from iqa_train.runner.interruption import GRACE
from iqa_train.runs.state import run_state
from iqa_train.runs.state_names import NOT_STARTED, OPEN, nothing_to_stop
from iqa_train.scheduler.overview import Overview, read_overview
from iqa_train.scheduler.queue import Queue, read_queue
from iqa_train.scheduler.stop import end_rounds, stop_rows
from iqa_train.study.find import experiments_in_order, find_study

_DESCRIPTION = """\
Stop experiments: a running one is asked to write a checkpoint and end; after the grace period it is killed with all its
processes. A waiting one is taken out of the queue. `iqa-train relaunch` or --resume continues from the checkpoint."""
_EPILOG = "exit status: 0 none of them is running, 1 some could not be stopped, 2 usage or an unknown experiment"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train stop", _DESCRIPTION, _EPILOG)
    parser.add_argument("names", nargs="*", metavar="EXP", help="experiments' ids, or runs' folders")
    parser.add_argument("--all", action="store_true", help="all that run or wait")
    parser.add_argument(
        "--grace", type=whole_number(0), default=round(GRACE), metavar="S",
        help=f"seconds for the checkpoint before a run is killed [{GRACE:.0f}]",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    options = parser.read(argv)
    if bool(options.names) == options.all:
        raise UsageError("name the experiments to stop, or --all; iqa-train status lists them")
    runs_dir, study = Path(options.runs_dir), study_named(options)
    incomplete = False
    try:
        overview = read_overview(runs_dir, study)
    except RunError as error:  # running experiments can be stopped without the queue
        say(f"iqa-train: {error}")
        incomplete = options.all  # waiting ones cannot be taken out
        overview = read_overview(runs_dir, study, queue=Queue())
    idle = _neither_run_nor_queued(overview, options)
    rows = list(overview.rows) if options.all else rows_named(overview, [n for n in options.names if n not in idle])
    if options.all:
        rows = [row for row in rows if row.state in OPEN]
    ended = end_rounds(runs_dir, study) if options.all and not incomplete else []
    words = stop_rows(rows, runs_dir, options.grace)
    ended += _without_further_rounds(overview.queue, runs_dir, ended)
    failed = [row for row, _ in words if run_state(row.run).alive]
    if options.json:
        listed = [
            {"experiment": r.experiment, "seed": r.seed, "outcome": w, "run_dir": str(r.run.path)} for r, w in words
        ]
        print(json.dumps({"stopped": listed}, indent=2))
    else:
        for row, what in words:
            name = f"{row.experiment} ({row.run.seed_words})"
            print(f"{name} {what}" if what == nothing_to_stop(row.state) else f"{name}: {plain(what)}")
        for name in idle:
            print(f"{name} {nothing_to_stop(NOT_STARTED)}")
        for name in ended:
            print(f"{name}: no further round is started; iqa-train --all --until-decided continues")
        if not words and not idle and not ended:
            print("nothing is running or queued")
    return 1 if failed or incomplete else 0


def _without_further_rounds(before: Queue, runs_dir: Path, known: Sequence[str]) -> list[str]:
    """The studies of which no further round is wanted any more, beside those `known`."""
    after = read_queue(runs_dir).rounds if before.rounds else {}
    return [name for name in before.rounds if name not in after and name not in known]


def _neither_run_nor_queued(overview: Overview, options: argparse.Namespace) -> list[str]:
    """The names of experiments of the study file that have no run: there is nothing to stop."""
    there = {row.experiment for row in overview.rows}
    missing = [name for name in options.names if name not in there]
    known = set(experiments_in_order(find_study(options.experiments))) if missing else set()
    return [name for name in missing if name in known]
