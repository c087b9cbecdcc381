"""Rows of a published table, whatever file they came from, read column by column with errors that name the row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Records:
    """A header and its rows. `lines` holds each row's number in the file, counted from 1, for messages."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def require(self, columns: Sequence[str]) -> None:
        """Raise `DataError` unless every one of `columns` is there."""
        for column in columns:
            if column not in self.columns:
                hint = did_you_mean(column, self.columns).replace("known:", "its columns are")
                raise DataError(f'{self.path}: there is no column "{column}"; {hint}')

    def texts(self, column: str) -> tuple[str, ...]:
        """The column as text, spaces at the ends removed; an empty cell is a `DataError`."""
        self.require([column])
        at = self.columns.index(column)
        values = tuple("" if row[at] is None else str(row[at]).strip() for row in self.rows)
        for value, line in zip(values, self.lines, strict=True):
            if not value:
                raise DataError(f'{self.path}, row {line}: the column "{column}" is empty')
        return values

    def numbers(self, column: str) -> NDArray[np.float64]:
        """The column as float64 (N,); a cell that is no finite number is a `DataError`."""
        values = [_number(text) for text in self.texts(column)]
        bad = [i for i, value in enumerate(values) if value is None]
        if bad:
            text = self.texts(column)[bad[0]]
            more = f" (and in {len(bad) - 1} more rows)" if len(bad) > 1 else ""
            raise DataError(
                f'{self.path}, row {self.lines[bad[0]]}: "{text}" in the column "{column}" is not a finite number{more}'
            )
        return np.array(values, dtype=np.float64)

    def scores(self, column: str, score_range: tuple[float, float]) -> NDArray[np.float64]:
        """The column as float64 (N,), every value within `score_range`, or a `DataError` naming the first outside."""
        values = self.numbers(column)
        low, high = score_range
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size:
            first = int(outside[0])
            more = f" (and {outside.size - 1} more)" if outside.size > 1 else ""
            raise DataError(
                f"{self.path}, row {self.lines[first]}: {column} {values[first]:g} is outside the score range {low:g} "
                f"to {high:g}{more}; mend the row or the declared range"
            )
        return values

    def names(self, column: str) -> tuple[str, ...]:
        """The column as image paths with forward slashes, unique and inside their folder, or a `DataError`."""
        names = tuple(PurePosixPath(text.replace("\\", "/")).as_posix() for text in self.texts(column))
        seen: dict[str, int] = {}
        for name, line in zip(names, self.lines, strict=True):
            if name in seen:
                raise DataError(
                    f'{self.path}: image "{name}" stands in rows {seen[name]} and {line}; keep one row per image'
                )
            seen[name] = line
            parts = name.split("/")
            if ".." in parts or name.startswith("/") or (len(parts[0]) == 2 and parts[0].endswith(":")):
                raise DataError(
                    f'{self.path}, row {line}: image "{name}" lies outside the image folder; give paths inside it'
                )
        return names


def is_number(cell: object) -> bool:
    """Whether a cell of a table is a finite number, as one or as text."""
    return cell is not None and _number(str(cell).strip()) is not None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
