"""Writes and reads splits as CSV files with the columns image, split and, if known, reference.

A split that is read replaces the data set's own. If it has no validation images, they are taken from training by seed,
as for an official split.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from iqa_train.datasets.spelling import folded
from iqa_train.datasets.splits import parted_references, split_names, united_references
from iqa_train.datasets.table import SPLITS, ImageTable, Split
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.errors import DataError
from iqa_train.spreadsheet import plain_cell, without_quote
from iqa_train.study.spec import split_digest
from iqa_train.text import join_names

_FEW = 3


def write_split(table: ImageTable, split: Split, file: TextIO) -> None:
    """Write a row for each image of `table`, in its order: image, split, and reference if the set has references."""
    names = [""] * len(table)
    for part, indices in zip(SPLITS, (split.train, split.val, split.test), strict=True):
        for index in indices.tolist():
            names[index] = part
    columns = [table.images, names] + ([table.references] if table.references is not None else [])
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", "split", "reference")[: len(columns)])
    writer.writerows([plain_cell(text) for text in row] for row in zip(*columns, strict=True))


def with_split(table: ImageTable, path: Path, digest: str = "") -> ImageTable:
    """`table` with the split in the CSV file at `path`, and with that file's references if the table has none.

    `digest` is the expected digest of the file (`study.split_digest`), empty for any. Raises DataError if the file
    cannot be read or has changed, if its images are not exactly the table's, each once, if a split is unknown, or if
    there are no training or no test images.
    """
    records = read_csv(path, ("image", "split"))
    if digest and split_digest(path) != digest:
        raise DataError(
            f"{path}: is not the split that this run was queued with (digest {split_digest(path)}, expected {digest}); "
            "restore the file or start the run over"
        )
    ours = _ours(table, records.names("image", table.root), path)
    given = dict(zip(ours, split_names(records, "split"), strict=True))
    lost = [name for name in table.images if name not in given]
    if lost:
        raise DataError(f'{path}: has no row for {_some(lost)} of data set "{table.name}"; every image needs one')
    for part in ("train", "test"):
        if part not in given.values():
            raise DataError(f'{path}: no image is in the split "{part}"; {part} images are needed')
    splits = tuple(given[name] for name in table.images)
    references = table.references
    united: tuple[str, ...] = ()
    if references is None and "reference" in records.columns:
        given_references, united = united_references(tuple(map(without_quote, records.texts("reference"))))
        named = dict(zip(ours, given_references, strict=True))
        references = tuple(named[name] for name in table.images)
    own_notes = parted_references(table.references, table.splits)
    kept = (note for note in table.notes if note not in own_notes)
    notes = (*kept, *records.notes, *united, *parted_references(references, splits))
    origin = f"split of {path}, digest {split_digest(path)}"
    return replace(table, splits=splits, references=references, notes=notes, split_origin=origin)


def _ours(table: ImageTable, names: Sequence[str], path: Path) -> list[str]:
    """The names in `table` of the images `names`, which may be in other folders or in another case."""
    known = set(table.images)
    alike: dict[str, list[str]] = defaultdict(list)
    for image in table.images:
        alike[_bare(image)].append(image)
    ours, unknown = [], []
    for name in names:
        image = name if name in known else without_quote(name)
        near = [image] if image in known else alike.get(_bare(image), [])
        if len(near) == 1:
            ours.append(near[0])
        else:
            unknown.append(name)
    if unknown:
        raise DataError(
            f'{path}: lists {_some(unknown)}, not in data set "{table.name}"; it must be a split of that data set'
        )
    seen: dict[str, str] = {}
    for name, image in zip(names, ours, strict=True):
        if image in seen:
            raise DataError(f'{path}: "{seen[image]}" and "{name}" are the same image, {image}; keep one row per image')
        seen[image] = name
    return ours


def _bare(image: str) -> str:
    return folded(image.rpartition("/")[2])


def _some(names: list[str]) -> str:
    return f"image{'s' if len(names) > 1 else ''} " + join_names([f'"{name}"' for name in names], most=_FEW)
