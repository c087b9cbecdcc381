"""The data sets that the program knows by name, and how a name becomes a table of images and scores.

To add a published data set, write a module in `published` with NAME, FACTS and `read`, and list it in SETS.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from iqa_train.datasets.custom import read_own
from iqa_train.datasets.demo import dataset as demo
from iqa_train.datasets.image_files import require_images
from iqa_train.datasets.published import agiqa3k, bid, csiq, flive, kadid10k, koniq, live, livec, spaq, tid2013
from iqa_train.datasets.published.facts import DatasetFacts
from iqa_train.datasets.split_file import with_split
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, did_you_mean
from iqa_train.home import expanded
from iqa_train.study.spec import DataSource


class PublishedSet(Protocol):
    """What a module of `published` provides."""

    NAME: str
    FACTS: DatasetFacts

    def read(self, folder: Path) -> ImageTable:
        """The data set in `folder`. Raises `DataError` if a file is missing or cannot be read."""
        ...


SETS: tuple[PublishedSet, ...] = (koniq, spaq, livec, kadid10k, agiqa3k, bid, csiq, tid2013, live, flive)
READERS: dict[str, Callable[[Path], ImageTable]] = {one.NAME: one.read for one in SETS} | {demo.NAME: demo.read}
PUBLISHED = {one.NAME: one.FACTS for one in SETS}


def folder_of(name: str, data_dir: str, source: DataSource) -> Path:
    """The folder of data set `name`: the setting `data_dir`, else the path declared for it, else data/NAME."""
    return expanded(data_dir or source.path or f"data/{name}")


def read_table(name: str, source: DataSource, data_dir: str = "") -> ImageTable:
    """Data set `name` as its files list it, with the split that `source` imports, if any.

    Images are not checked, and nothing is created. Raises `DataError` for an unknown name and for whatever the reader
    finds wrong.
    """
    table = _read(name, source, folder_of(name, data_dir, source))
    return with_split(table, expanded(source.split), source.split_digest) if source.split else table


def _read(name: str, source: DataSource, folder: Path) -> ImageTable:
    if source.csv:
        return read_own(name, folder, source)
    if name in READERS:
        table = READERS[name](folder)
        notes = PUBLISHED[name].count_note(len(table)) if name in PUBLISHED else ()
        return replace(table, notes=(*table.notes, *notes))
    declare = f'declare it as [datasets.{name}] with path, csv = "..." and score_range in the study file'
    near = did_you_mean(name, READERS)
    raise DataError(f'unknown data set "{name}"; if it is your own, {declare}; {near}')


def load_table(
    name: str, source: DataSource, data_dir: str = "", progress: Callable[[int, int], None] | None = None
) -> ImageTable:
    """Data set `name`, with every image present and scores that differ. A missing demo set is made first.

    `progress` is called with (done, total) while the demo set is made. Raises `DataError`.
    """
    if name == demo.NAME and not source.csv:
        demo.make_demo(folder_of(name, data_dir, source), progress)
    table = require_images(read_table(name, source, data_dir))
    if len(table) == 1:
        raise DataError(f'{table.root}: "{name}" has one image, so there is nothing to rank or to split')
    if np.ptp(table.scores) == 0:
        raise DataError(f'{table.root}: all scores of "{name}" are {table.scores[0]:g}, so there is nothing to rank')
    return table
