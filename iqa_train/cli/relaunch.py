"""`iqa-train relaunch EXP`: a new attempt at a run that failed, was stopped or was lost; or at one that is done."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.cli.parser import Parser, add_places, whole_number
from iqa_train.cli.select import rows_named
from iqa_train.errors import UsageError
from iqa_train.execution.overview import Row, look
from iqa_train.execution.queue import Item
from iqa_train.execution.submit import Wishes, enqueue
from iqa_train.runs.imported import imported_from
from iqa_train.runs.outcome import FINISHED
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.state import facts_of

_DESCRIPTION = """\
Queue a run once more, with the settings it has: it goes on from its last checkpoint, as a new attempt. With --again it
starts over, and the old results are kept in the folder of the attempt that made them."""
_EPILOG = "exit status: 0 queued, 2 usage, an unknown experiment, or one that is done or under way"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train relaunch", _DESCRIPTION, _EPILOG)
    parser.add_argument("experiments", nargs="+", metavar="EXP", help="experiments' ids, or runs' folders")
    parser.add_argument("--again", action="store_true", help="start over, also one that is complete")
    parser.add_argument("--retries", type=whole_number(0), default=3, metavar="N", help="as in iqa-train --help [3]")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_places(parser)
    options = parser.read(argv)
    runs_dir = Path(options.runs_dir)
    rows = rows_named(look(runs_dir), options.experiments)
    rows = [row for row in rows if _has_ended(row, again=options.again)] or rows  # of runs with several settings
    for row in rows:
        _require_ended(row, again=options.again)
    code = code_fingerprint()
    items = [_item(row, runs_dir, options.logs_dir, code, options.retries, again=options.again) for row in rows]
    enqueue(items, runs_dir, Wishes())
    if options.json:
        print(json.dumps({"queued": [item.run for item in items]}, indent=2))
    else:
        for row in rows:
            print(f"{row.experiment} (seed {row.seed}): queued as attempt {row.attempt + 1}")
    return 0


def _has_ended(row: Row, *, again: bool) -> bool:
    return row.state not in {"queued", "starting", "running"} and (again or row.state not in FINISHED)


def _require_ended(row: Row, *, again: bool) -> None:
    if imported_from(row.run) is not None:
        raise UsageError(f"{row.experiment} (seed {row.seed}) was imported from a log and cannot go on; run it anew")
    if row.state in {"queued", "starting", "running"}:
        raise UsageError(f"{row.experiment} (seed {row.seed}) is {row.state}; there is nothing to relaunch")
    if row.state in FINISHED and not again:
        raise UsageError(f"{row.experiment} (seed {row.seed}) is {row.state}; --again runs it anew")


def _cwd(row: Row) -> str:
    """Where its last attempt ran."""
    attempts = row.run.attempts()
    return str(facts_of(attempts[-1]).get("cwd", "") if attempts else "") or str(Path.cwd())


def _item(row: Row, runs_dir: Path, logs_dir: str, code: str, retries: int, *, again: bool) -> Item:
    command = ("iqa-train", "relaunch", row.experiment)
    base = row.item or Item(
        str(row.run.path.relative_to(runs_dir)), row.experiment, row.seed, logs_dir=logs_dir, cwd=_cwd(row)
    )
    anew = replace(base, after=row.attempt, again=again, retries=retries, code=code, command=command, told=False)
    return replace(anew, batch=1, batch_name="")  # the first of the batches that come after those there
