"""`iqa-train queue`: lists and changes the queue."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.parser import Parser, add_study_options, command_first, whole_number
from iqa_train.cli.scope import study_named
from iqa_train.cli.status_table import status_lines
from iqa_train.cli.text import say
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.queue import POLICIES, folder_of, read_queue

_DESCRIPTION = """\
List or change the queue. A paused queue starts no more runs, and those that run continue; resuming also starts a
scheduler if none is running. `iqa-train stop` stops running experiments."""
_EPILOG = "exit status: 0 done, 1 the queue's file is damaged, 2 usage or an unknown experiment"
_ACTIONS = {
    "list": "every queued run and its state (the default)",
    "pause": "start no more runs; those that run continue",
    "resume": "start runs again, with a new scheduler if none is running",
    "add": "queue experiments, with the options of iqa-train itself: iqa-train queue add --exp A1 --lr 1e-6",
    "remove": "take experiments that wait or have ended out of the queue",
    "move": "move waiting experiments to another place",
    "clear": "take everything that has ended out of the queue",
    "policy": "batches: one batch after another; greedy: a free device takes the next run",
}


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    argv = command_first(argv, _ACTIONS)
    if argv and argv[0] == "add":
        return _add(argv[1:])
    options = _parser().read(argv if argv and (argv[0] in {"-h", "--help"} or argv[0][:1] != "-") else ["list", *argv])
    runs_dir, study = Path(options.runs_dir), study_named(options)
    text = _list(runs_dir, study) if options.action == "list" else _edit(options, runs_dir, study)
    if study is not None and options.action in {"pause", "resume", "policy"}:
        say(f"note: {runs_dir} has one queue; this applies to every study in it")
    if options.json:
        queue = read_queue(runs_dir)
        items = [
            {
                "run": i.run,
                "experiment": i.experiment,
                "seed": i.seed,
                "repeat": folder_of(i, runs_dir).repeat,
                "batch": i.batch,
            }
            for i in queue.items
            if study in {None, i.study}
        ]
        print(json.dumps({"policy": queue.policy, "paused": queue.paused, "items": items}, indent=2))
    else:
        print(text)
    return 0


def _parser() -> Parser:
    parser = Parser("iqa-train queue", _DESCRIPTION, _EPILOG)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser)
    for name, text in _ACTIONS.items():
        action = actions.add_parser(name, help=text)
        add_study_options(action)
        action.add_argument("--json", action="store_true", help="print the queue as one JSON object")
        if name in {"remove", "move"}:
            action.add_argument("names", nargs="+", metavar="EXP", help="experiments' ids, or runs' folders")
        if name == "move":
            action.add_argument("--to", type=whole_number(1), default=1, metavar="N", help="new place [1]")
        if name == "policy":
            action.add_argument("policy", choices=POLICIES)
    return parser


def _list(runs_dir: Path, study: str | None) -> str:
    overview = read_overview(runs_dir, study)
    rows = [row for row in overview.rows if row.item is not None]
    return "\n".join(status_lines(overview, rows)) if rows else "the queue is empty"


def _edit(options: argparse.Namespace, runs_dir: Path, study: str | None) -> str:
    """Change the queue; returns what was done."""
    from iqa_train.scheduler import queue_edits  # only here: `queue list` starts sooner without it

    match options.action:
        case "pause":
            return f"{queue_edits.pause(runs_dir)}; `iqa-train queue resume` continues"
        case "resume":
            return queue_edits.resume(runs_dir)
        case "remove":
            return queue_edits.remove(options.names, runs_dir, study)
        case "move":
            return queue_edits.move(options.names, options.to, runs_dir, study)
        case "clear":
            return queue_edits.clear(runs_dir, study)
        case _:
            return queue_edits.set_policy(options.policy, runs_dir)


def _add(argv: Sequence[str]) -> int:
    from iqa_train.cli.commands import train

    return train.main([*argv, "--detach"])
