"""`iqa-train data split`: writes the split of a data set as a CSV file, so that others can reproduce a result."""

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.progress_bar import bar
from iqa_train.cli.text import say
from iqa_train.errors import UsageError
from iqa_train.terminal import raw

if TYPE_CHECKING:
    from iqa_train.study.spec import DataSource


def export_split(options: argparse.Namespace, name: str, source: "DataSource", seed: int) -> int:
    """Write the split of the round of `seed` to a file, or to standard output; returns 0. Raises UserError."""
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.datasets.split_file import write_split
    from iqa_train.datasets.splits import split_origin, split_table
    from iqa_train.escape import ESCAPED
    from iqa_train.files import write_atomic

    path = Path(options.out or "-")
    if options.out and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError(f"--out {path}: give a file in a folder that exists")
    with bar("making the demo set", "images") as progress:
        table = load_table(name, source, options.data_dir, progress)
    split = split_table(table, seed)
    text = io.StringIO()
    write_split(table, split, text)
    if options.out is None:
        (sys.stdout if sys.stdout.isatty() else raw(sys.stdout)).write(text.getvalue())
        return 0
    try:
        write_atomic(path, text.getvalue().encode(errors=ESCAPED))
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written ({error.strerror}); make room or give another file") from None
    counts = f"{len(split.train):,} training, {len(split.val):,} validation and {len(split.test):,} test images"
    say(f'{name}, seed {seed}: {counts} ({split_origin(table)}); to use it: [datasets.{name}] split = "{path}"')
    print(path)
    return 0
