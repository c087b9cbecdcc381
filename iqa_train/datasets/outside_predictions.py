"""Reads predictions made elsewhere, a CSV of image and prediction, and lines them up with the images of a data set.

Used for predictions that are imported, and for those that a user's own program leaves.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.match_names import NameMatch, match_names
from iqa_train.datasets.splits import split_names
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.csv_table import read_csv
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError, visible
from iqa_train.spreadsheet import without_quote
from iqa_train.text import join_names, plural

MOST_BYTES = 1 << 27
"""Of a table of predictions: one of a million images, or of 40,000 with the text of every answer, has less."""

_FEW = 3
_LARGEST = 1e100  # sums of squares of larger predictions overflow
_USUAL = {
    "image": ("image", "image_name", "image_path", "image_id", "img", "img_name", "img_path", "filename", "file_name",
              "file", "name", "path"),
    "prediction": ("prediction", "predictions", "pred", "predicted", "pred_score", "predicted_score", "quality"),
    "score": ("score", "mos", "gt", "gt_score", "ground_truth"),
    "split": ("split",),
    "seed": ("seed",),
}  # fmt: skip
_NEEDED = ("image", "prediction")
_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+(e[-+]?\d+)?%?", re.IGNORECASE)


@dataclass(frozen=True)
class OutsideColumns:
    """The names of a file's columns; for "" the usual names are looked for, in any case."""

    image: str = ""
    prediction: str = ""
    score: str = ""
    split: str = ""
    seed: str = ""


@dataclass(frozen=True)
class OutsidePredictions:
    """N rows of a file: image names as written, float64 (N,) predictions, and what else it has.

    `lines` are the rows' numbers in the file. `splits` are "train", "val" or "test". `columns` are those that were
    read. `notes` are sentences about irregularities of the file.
    """

    path: Path
    names: tuple[str, ...]
    lines: tuple[int, ...]
    predictions: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None
    splits: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    columns: OutsideColumns = OutsideColumns()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, keep: Iterable[int]) -> "OutsidePredictions":
        """Those rows alone, by index."""
        at = list(keep)
        return replace(
            self,
            names=tuple(self.names[k] for k in at),
            lines=tuple(self.lines[k] for k in at),
            predictions=self.predictions[at],
            scores=None if self.scores is None else self.scores[at],
            splits=None if self.splits is None else tuple(self.splits[k] for k in at),
            seeds=None if self.seeds is None else tuple(self.seeds[k] for k in at),
        )


@dataclass(frozen=True)
class LinedUp:
    """Predictions, and scores if the file has them, of the K wanted images in their order; float64 (K,).

    `elsewhere` rows are of other images of the data set, `unknown` are names that no image of it has.
    """

    predictions: NDArray[np.float64]
    scores: NDArray[np.float64] | None
    elsewhere: int
    unknown: tuple[str, ...]


def read_outside(
    path: Path, columns: OutsideColumns | None = None, *, option: str = "--{}-column"
) -> OutsidePredictions:
    """Read a CSV of predictions, separated by commas, semicolons or tabs. `option` is how one names a column.

    Raises DataError for a file that is no table or too large, a column that is not there or could be several, and a
    cell that is empty or not a finite number.
    """
    given = columns or OutsideColumns()
    _require_size(path)
    named = {what: getattr(given, what) for what in _USUAL}
    records = read_csv(path, [name for name in named.values() if name])
    found = OutsideColumns(**{what: name or _usual(records, what, option.format(what)) for what, name in named.items()})
    _require_distinct(path, found)
    records = _without_percent_signs(records, found.prediction)
    return OutsidePredictions(
        path,
        tuple(map(without_quote, records.texts(found.image))),
        records.lines,
        _bounded(records, found.prediction),
        records.numbers(found.score) if found.score else None,
        split_names(records, found.split) if found.split else None,
        _seeds(records, found.seed) if found.seed else None,
        found,
        records.notes,
    )


def line_up(given: OutsidePredictions, table: ImageTable, wanted: Sequence[int], what: str) -> LinedUp:
    """The rows of the images with the indices `wanted`, which are `what` of the table in words ("test images").

    Raises DataError, naming rows and images, for names that may be several images, images with several rows, and
    wanted images without a row.
    """
    match = match_names(given.names, table.images)
    _require_clear(given, table, match)
    missing = match.missing(wanted)
    if missing:
        have = len(wanted) - len(missing)
        raise DataError(
            f'{given.path}: has {have:,} of the {len(wanted):,} {what} of "{table.name}"; every one needs a '
            f"prediction, and missing {'is' if len(missing) == 1 else 'are'} {_some(missing)}"
        )
    row_of = {place: row for row, place in enumerate(match.places) if place is not None}
    rows = [row_of[place] for place in wanted]
    return LinedUp(
        given.predictions[rows],
        None if given.scores is None else given.scores[rows],
        len(match.matched) - len(rows),
        match.unknown,
    )


def _require_clear(given: OutsidePredictions, table: ImageTable, match: NameMatch) -> None:
    """Raise DataError unless some names match, each one image, and no two the same."""
    if match.ambiguous:
        name, may_be = next(iter(match.ambiguous.items()))
        more = f" (and {len(match.ambiguous) - 1} more names)" if len(match.ambiguous) > 1 else ""
        raise DataError(
            f'{given.path}, row {given.lines[given.names.index(name)]}: "{visible(name)}" may be {_some(may_be)} of '
            f'"{table.name}"{more}; give names with their folder and suffix'
        )
    if not match.matched:
        raise DataError(
            f'{given.path}: none of its {plural(len(given), "name")} is an image of "{table.name}": it has '
            f"{_some(given.names)}, and the data set {_some(table.images)}"
        )
    if match.duplicates:
        place, rows = next(iter(match.duplicates.items()))
        same = len({float(given.predictions[row]) for row in rows}) == 1
        values = "with the same prediction" if same else "with different predictions"
        more = f"; so are {plural(len(match.duplicates) - 1, 'other image')}" if len(match.duplicates) > 1 else ""
        lines = join_names([str(given.lines[row]) for row in rows])
        raise DataError(
            f'{given.path}: "{visible(table.images[place])}" is in rows {lines} {values}{more}; keep one row per image'
        )


def _bounded(records: Records, column: str) -> NDArray[np.float64]:
    values = records.numbers(column)
    large = np.flatnonzero(np.abs(values) > _LARGEST)
    if large.size:
        more = f" (and {large.size - 1} more)" if large.size > 1 else ""
        raise DataError(
            f'{records.path}, row {records.lines[int(large[0])]}: {values[large[0]]:g} in the column "{column}" is too '
            f"large for a prediction{more}; allowed: from {-_LARGEST:g} to {_LARGEST:g}"
        )
    return values


def _require_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; expected: a CSV of image and prediction") from None
    except OSError:
        return  # reported when it is read
    if size > MOST_BYTES:
        raise DataError(
            f"{path}: has {size / 2**30:.1f} GiB, too much for a table of predictions; expected: a CSV with a row of "
            "image and prediction for each image"
        )


def _usual(records: Records, what: str, option: str) -> str:
    """The column of a usual name; "" where there is none and none is needed. Raises DataError."""
    spelt = {column: "_".join(re.split(r"[ _-]+", column.strip().lower())) for column in records.columns}
    found = [column for name in _USUAL[what] for column in records.columns if spelt[column] == name]
    if len(found) == 1 or (found and spelt[found[0]] == what):
        return found[0]
    if found:
        names = join_names([f'"{visible(name)}"' for name in found])
        raise DataError(f"{records.path}: {names} may all be the column of the {what}; say which with {option}")
    if what not in _NEEDED:
        return ""
    columns = join_names([f'"{visible(name)}"' for name in records.columns], most=8)
    if any(_NUMBER.fullmatch(name.strip()) for name in records.columns):
        raise DataError(
            f"{records.path}: its first row, {columns}, seems to be an image already; expected: a first row that names "
            "the columns, such as image,prediction"
        )
    raise DataError(
        f'{records.path}: there is no column "{what}"; its first row, which must name the columns, is {columns}; '
        f"if one of them is the {what}, name it with {option}"
    )


def _without_percent_signs(records: Records, column: str) -> Records:
    """The table with plain numbers in a column where every cell is a percentage: the scale makes no difference."""
    at = records.columns.index(column)
    if not all(str(row[at]).strip().endswith("%") for row in records.rows):
        return records
    rows = tuple((*row[:at], str(row[at]).strip()[:-1], *row[at + 1 :]) for row in records.rows)
    return replace(records, rows=rows)


def _require_distinct(path: Path, columns: OutsideColumns) -> None:
    seen: dict[str, str] = {}
    for what in _USUAL:
        name = getattr(columns, what)
        if name and name in seen:
            raise DataError(f'{path}: the column "{visible(name)}" cannot be both the {seen[name]} and the {what}')
        seen[name] = what


def _seeds(records: Records, column: str) -> tuple[int, ...]:
    values = records.numbers(column)
    for value, line in zip(values.tolist(), records.lines, strict=True):
        if not (value.is_integer() and 0 <= value < 2**53):
            raise DataError(
                f'{records.path}, row {line}: {value:g} in the column "{visible(column)}" is not a seed; allowed: '
                "whole numbers from 0"
            )
    return tuple(int(value) for value in values.tolist())


def _some(names: Sequence[str]) -> str:
    return join_names([f'"{visible(name)}"' for name in names], most=_FEW)
