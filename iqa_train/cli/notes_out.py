"""What `iqa-train note` and `iqa-train tag` share: the runs that are named, and how their notes are printed."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_named
from iqa_train.cli.text import plain
from iqa_train.runs.notes import Notes
from iqa_train.scheduler.overview import Row, read_overview

EPILOG = "exit status: 0 done, 1 a file that cannot be read or written, 2 usage or an unknown experiment"


def add_shared_options(parser: Parser) -> None:
    """--json and the options that name the study."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)


def rows_of(options: argparse.Namespace) -> list[Row]:
    """The runs of the experiment or folder that is named. Raises UsageError for an unknown one."""
    return rows_named(read_overview(Path(options.runs_dir), study_named(options)), [options.name])


def print_notes(found: Sequence[tuple[Row, Notes]], words: Callable[[Notes], str], *, as_json: bool) -> None:
    """A line of `words` for each run, or one JSON object."""
    if as_json:
        listed = [{"run_dir": str(row.run.path), "note": one.note, "tags": list(one.tags)} for row, one in found]
        print(json.dumps({"runs": listed}, indent=2, ensure_ascii=False))
        return
    for row, one in found:
        print(plain(f"{row.experiment} ({row.run.seed_words}): {words(one)}"))
