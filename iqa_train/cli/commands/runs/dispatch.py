"""`iqa-train runs`: its sub-command and the options of that."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.commands.runs.merge_text import merge_document, merge_lines
from iqa_train.cli.parser import Parser, add_study_options, command_first
from iqa_train.cli.scope import study_named
from iqa_train.cli.text import say
from iqa_train.errors import RunError, UsageError
from iqa_train.runs.layout import QueueFiles
from iqa_train.runs.merge.merge import MergeOptions, merge_runs
from iqa_train.runs.merge.source import Source, find_source
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.queue import Item, read_queue
from iqa_train.text import join_names, plural

_DESCRIPTION = """\
Join the runs of another machine into this project's runs folder, and their logs into its logs folder. DIR is that
machine's project folder or its runs folder: mounted, or a copy made with rsync -a. Of a run that is in both, the
finished one counts, and of two unfinished ones the one that came further; the other is kept. Nothing is overwritten,
nothing in DIR is changed, and what cannot be joined is named. The same command again joins what is new since."""
_EPILOG = "exit status: 0 all joined, 1 some runs were left where they are, 2 usage or no runs in DIR"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    options = _parser().read(command_first(argv, {"merge"}))
    return _merge(options)


def _merge(options: argparse.Namespace) -> int:
    runs_dir, study = Path(options.runs_dir), study_named(options)
    sources = [find_source(folder, runs_dir) for folder in options.folders]
    real = [source.runs_dir.resolve() for source in sources]
    if twice := next((source for k, source in enumerate(sources) if real[k] in real[:k]), None):
        raise UsageError(f"{twice.given} is given twice; give each folder once")
    wanted = MergeOptions(
        study,
        as_repeat=options.as_repeat,
        gone=options.gone,
        dry_run=options.dry_run,
        queued=frozenset(item.run for item in _open_items(runs_dir, study)),
    )
    report = merge_runs(sources, runs_dir, Path(options.logs_dir), wanted)
    notes = [note for source in sources for note in _not_merged(source, study)]
    if options.json:
        document = merge_document(report, sources, notes, dry_run=options.dry_run)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(merge_lines(report, sources, dry_run=options.dry_run)))
        for note in notes:
            say(f"note: {note}")
    return 0 if report.complete else 1


def _open_items(runs_dir: Path, study: str | None) -> list[Item]:
    """The items of a queue that wait for an attempt."""
    items = [item for item in read_queue(runs_dir).items if study in {None, item.study}]
    return [item for item in items if item_status(item, runs_dir).phase == "waiting"]


def _not_merged(source: Source, study: str | None) -> list[str]:
    """What of a folder is not joined: its queue, its submissions to Slurm."""
    notes = []
    try:
        waiting = [f"{item.experiment} (seed {item.seed})" for item in _open_items(source.runs_dir, study)]
    except RunError as error:
        return [str(error).partition(";")[0]]
    except OSError as error:
        return [f"{error.filename} cannot be read: {error.strerror}"]
    if waiting:
        verb = "waits" if len(waiting) == 1 else "wait"
        notes.append(
            f"{plural(len(waiting), 'run')} {verb} in the queue of {source.given} ({join_names(waiting, 4)}); queues "
            "are not merged: they start there, or queue them here"
        )
    if any((source.runs_dir / "slurm").glob("*.json")):
        notes.append(f"submissions to Slurm in {QueueFiles(source.runs_dir).runs_dir / 'slurm'} are not merged")
    return notes


def _parser() -> Parser:
    parser = Parser("iqa-train runs", "Join runs of several machines into one folder.", _EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    merge = commands.add_parser(
        "merge", help="join the runs of other machines' folders", description=_DESCRIPTION, epilog=_EPILOG
    )
    merge.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="project folder (with runs/ and logs/) or runs folder"
    )
    merge.add_argument(
        "--as-repeat", action="store_true",
        help="join a run that is finished in both with different predictions as a repeat of the one here (-r2)",
    )  # fmt: skip
    merge.add_argument(
        "--gone", action="store_true",
        help="the other machine continues nothing: join runs that had not ended when DIR was copied, too",
    )  # fmt: skip
    merge.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    merge.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(merge)
    return parser
