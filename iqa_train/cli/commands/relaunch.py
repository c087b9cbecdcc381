"""`iqa-train relaunch EXP`: queues a new attempt at a run that has ended."""

import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.cli.scope import study_named
from iqa_train.limits import MOST_RETRIES
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.relaunch import has_ended, relaunch

_DESCRIPTION = """\
Queue a run again with its settings, as a new attempt: it continues from its last checkpoint. With --again it starts
over; its result counts until the new one is complete, and is kept in the folder of its attempt."""
_EPILOG = "exit status: 0 queued, 2 usage, an unknown experiment, or a run that is complete or running"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train relaunch", _DESCRIPTION, _EPILOG)
    parser.add_argument("names", nargs="+", metavar="EXP", help="experiments' ids, or runs' folders")
    parser.add_argument("--again", action="store_true", help="start over, even if the run is complete")
    parser.add_argument(
        "--retries", type=whole_number(0, MOST_RETRIES), default=3, metavar="N", help="as in iqa-train --help [3]"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    options = parser.read(argv)
    runs_dir = Path(options.runs_dir)
    rows = rows_named(read_overview(runs_dir, study_named(options)), options.names)
    # Of several runs with different settings, those that have ended.
    rows = [row for row in rows if has_ended(row, again=options.again)] or rows
    items = relaunch(rows, runs_dir, options.logs_dir, options.retries, again=options.again)
    if options.json:
        print(json.dumps({"queued": [item.run for item in items]}, indent=2))
    else:
        for row in rows:
            print(f"{row.experiment} ({row.run.seed_words}): queued as attempt {row.attempt + 1}")
    return 0
