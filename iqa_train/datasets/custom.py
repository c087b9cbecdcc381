"""Reads a user's own data set: one CSV, declared in a `[datasets.NAME]` table of the study file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.image_files import listed_images
from iqa_train.datasets.splits import parted_references, split_names, united_references
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError
from iqa_train.study.spec import DataSource


def read_own(name: str, folder: Path, source: DataSource) -> ImageTable:
    """The data set that `source` declares, with its CSV and image folder relative to `folder`.

    If lower is better as published, scores are reversed within the range: lowest + highest - score. Raises `DataError`
    for a missing file or column, a score outside the range, or an unknown split.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; set path in [datasets.{name}] to where {source.csv} lies")
    if source.score_range is None:
        raise DataError(f"[datasets.{name}]: score_range = [lowest, highest] is needed with csv")
    root = folder / source.image_dir
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; correct image_dir in [datasets.{name}]")
    optional = (source.sd_column, source.votes_column, source.split_column, source.reference_column)
    needed = (source.image_column, source.score_column, *filter(None, optional), *source.distribution_columns)
    records = read_csv(folder / source.csv, needed)
    low, high = source.score_range
    scores = records.scores(source.score_column, (low, high))
    images, renamed = listed_images(records, source.image_column, root)
    references: tuple[str, ...] | None = None
    united: tuple[str, ...] = ()
    if source.reference_column:
        references, united = united_references(records.texts(source.reference_column))
    splits = split_names(records, source.split_column) if source.split_column else None
    return ImageTable(
        name=name,
        root=root,
        images=images,
        scores=scores if source.higher_is_better else low + high - scores,
        score_range=(low, high),
        higher_is_better=source.higher_is_better,
        sd=records.numbers(source.sd_column) if source.sd_column else None,
        votes=records.numbers(source.votes_column) if source.votes_column else None,
        distribution=_distribution(records, source),
        references=references,
        splits=splits,
        notes=(*records.notes, *renamed, *united, *parted_references(references, splits)),
    )


def _distribution(records: Records, source: DataSource) -> NDArray[np.float64] | None:
    """The shares of the opinions (N, K), from the worst category to the best; None if no columns are declared."""
    if not source.distribution_columns:
        return None
    shares = records.shares(source.distribution_columns)
    return shares if source.higher_is_better else shares[:, ::-1]
