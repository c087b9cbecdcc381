"""`iqa-train queue`: what is wanted, in its order; pause, resume, add, remove, move."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.cli.parser import Parser, add_places, whole_number
from iqa_train.cli.statustable import status_lines
from iqa_train.errors import UsageError
from iqa_train.execution.overview import look
from iqa_train.execution.post import ensure_scheduler
from iqa_train.execution.queue import POLICIES, Queue, edit_queue, folder_of, moved, read_queue, removed
from iqa_train.execution.standing import standing
from iqa_train.runs.state import run_state

_DESCRIPTION = """\
Look at or change the queue. Pausing starts nothing more and stops nothing; resuming also starts a scheduler where none
is running. `iqa-train stop` ends what runs."""
_EPILOG = "exit status: 0 done, 1 the queue's file is damaged, 2 usage or an unknown experiment"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    if argv and argv[0] == "add":
        return _add(argv[1:])
    options = _parser().read(["list", *argv] if argv[:1] in ([], ["--json"], ["--runs-dir"]) else argv)
    runs_dir = Path(options.runs_dir)
    actions: dict[str, Callable[[argparse.Namespace, Path], str]] = {
        "list": _list, "pause": _pause, "resume": _resume, "remove": _remove, "move": _move, "clear": _clear,
        "policy": _policy,
    }  # fmt: skip
    text = actions[options.action](options, runs_dir)
    if options.json:
        queue = read_queue(runs_dir)
        items = [{"run": i.run, "experiment": i.experiment, "seed": i.seed, "batch": i.batch} for i in queue.items]
        print(json.dumps({"policy": queue.policy, "paused": queue.paused, "items": items}, indent=2))
    else:
        print(text)
    return 0


def _parser() -> Parser:
    parser = Parser("iqa-train queue", _DESCRIPTION, _EPILOG)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser)
    words = {
        "list": "how everything that is wanted stands (the default)",
        "pause": "start nothing more; what runs goes on",
        "resume": "go on, with a new scheduler if none is running",
        "add": "queue experiments, with the options of iqa-train itself: iqa-train queue add --exp A1 --lr 1e-6",
        "remove": "take experiments that wait, or are settled, out of the queue",
        "move": "put experiments that wait at another place",
        "clear": "take everything that is settled out of the queue",
        "policy": "batches: one batch after another; greedy: a free device takes the next",
    }
    for name, text in words.items():
        action = actions.add_parser(name, help=text)
        add_places(action, logs=False)
        action.add_argument("--json", action="store_true", help="print the queue as one JSON object, for programs")
        if name in {"remove", "move"}:
            action.add_argument("experiments", nargs="+", metavar="EXP", help="experiments' ids, or runs' folders")
        if name == "move":
            action.add_argument("--to", type=whole_number(1), default=1, metavar="N", help="their place [1]")
        if name == "policy":
            action.add_argument("policy", choices=POLICIES)
    return parser


def _list(options: argparse.Namespace, runs_dir: Path) -> str:
    del options
    overview = look(runs_dir)
    rows = [row for row in overview.rows if row.item is not None]
    return "\n".join(status_lines(overview, rows)) if rows else "the queue is empty"


def _pause(options: argparse.Namespace, runs_dir: Path) -> str:
    del options
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, paused=True)
    return "paused: nothing more is started; what runs goes on; iqa-train queue resume goes on"


def _resume(options: argparse.Namespace, runs_dir: Path) -> str:
    del options
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, paused=False)
    if all(standing(item, runs_dir).stand == "settled" for item in read_queue(runs_dir).items):
        return "resumed: nothing is waiting"
    return "resumed" + (": a scheduler has been started" if ensure_scheduler(runs_dir) else "")


def _add(argv: Sequence[str]) -> int:
    from iqa_train.cli import train

    return train.main([*argv, "--detach"])


def _remove(options: argparse.Namespace, runs_dir: Path) -> str:
    with edit_queue(runs_dir) as edit:
        keys = _waiting(edit.queue, options.experiments, runs_dir)
        edit.queue = removed(edit.queue, keys)
    return f"removed {', '.join(options.experiments)}"


def _move(options: argparse.Namespace, runs_dir: Path) -> str:
    with edit_queue(runs_dir) as edit:
        keys = _waiting(edit.queue, options.experiments, runs_dir)
        edit.queue = moved(edit.queue, keys, options.to)
    return f"moved {', '.join(options.experiments)} to place {options.to}"


def _clear(options: argparse.Namespace, runs_dir: Path) -> str:
    del options
    with edit_queue(runs_dir) as edit:
        keys = [i.key for i in edit.queue.items if standing(i, runs_dir).stand == "settled"]
        edit.queue = removed(edit.queue, keys)
    return f"{len(keys)} settled taken out of the queue; their runs and results stay"


def _policy(options: argparse.Namespace, runs_dir: Path) -> str:
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, policy=options.policy)
    return f"policy {options.policy}"


def _waiting(queue: Queue, names: Sequence[str], runs_dir: Path) -> list[str]:
    items = [item for name in names for item in queue.find(name)]
    for item in items:
        if run_state(folder_of(item, runs_dir)).alive:
            raise UsageError(f"{item.experiment} (seed {item.seed}) is running; iqa-train stop ends it")
    return [item.key for item in items]
