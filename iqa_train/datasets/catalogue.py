"""The data sets the program knows by name, and the way from a name to a table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from iqa_train.datasets import demo, koniq, livec, spaq
from iqa_train.datasets.own import read_own
from iqa_train.datasets.presence import require_images
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, did_you_mean
from iqa_train.study.spec import DataSource

READERS: dict[str, Callable[[Path], ImageTable]] = {
    koniq.NAME: koniq.read_koniq,
    demo.NAME: demo.read_demo,
    livec.NAME: livec.read_livec,
    spaq.NAME: spaq.read_spaq,
}
# Known by name; without a reader of their own yet.
PLANNED = ("bid", "live", "csiq", "tid2013", "kadid-10k", "agiqa-3k", "flive")


def folder_of(name: str, data_dir: str, source: DataSource) -> Path:
    """Where data set `name` lies: the setting `data_dir`, else the path declared for it, else data/<name>."""
    return Path(data_dir or source.path or f"data/{name}").expanduser()


def read_table(name: str, source: DataSource, data_dir: str = "") -> ImageTable:
    """Data set `name` as its files list it; whether the images are there is not asked, and nothing is made.

    Raises `DataError` for a name that is not known and for whatever the reader finds amiss.
    """
    folder = folder_of(name, data_dir, source)
    if source.csv:
        return read_own(name, folder, source)
    if name in READERS:
        return READERS[name](folder)
    declare = f'declare it as [datasets.{name}] with path, csv = "..." and score_range in the study file'
    if name in PLANNED:
        raise DataError(f'data set "{name}": this version reads it only as a CSV of your own; {declare}')
    near = did_you_mean(name, [*READERS, *PLANNED])
    raise DataError(f'unknown data set "{name}"; if it is your own, {declare}; {near}')


def load_table(
    name: str, source: DataSource, data_dir: str = "", progress: Callable[[int, int], None] | None = None
) -> ImageTable:
    """Data set `name`, every image present and scores that differ. The demo set is made first where it is missing.

    `progress` is called with (done, total) while the demo set is made. Raises `DataError`.
    """
    if name == demo.NAME and not source.csv:
        demo.make_demo(folder_of(name, data_dir, source), progress)
    table = require_images(read_table(name, source, data_dir))
    if len(table) == 1:
        raise DataError(f'{table.root}: "{name}" has one image, which leaves nothing to rank and nothing to split')
    if np.ptp(table.scores) == 0:
        raise DataError(f'{table.root}: all scores of "{name}" are {table.scores[0]:g}, so there is nothing to rank')
    return table
