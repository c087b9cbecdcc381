"""The rows of a table in any file format, read column by column with errors that name the row."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.spelling import clean
from iqa_train.errors import DataError, did_you_mean
from iqa_train.escape import unescaped
from iqa_train.regular import real_path

_DECIMAL_COMMA = re.compile(r"[+-]?(\d*),(\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Records:
    """A header and its rows. `lines` holds each row's number in the file, from 1, for messages.

    `notes` are sentences about irregularities of the file. With `decimal_comma`, 0,5 may be a number.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    lines: tuple[int, ...]
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def require(self, columns: Sequence[str]) -> None:
        """Raise `DataError` unless the table has all of `columns`."""
        for column in columns:
            if column not in self.columns:
                hint = did_you_mean(column, self.columns).replace("known:", "its columns are")
                raise DataError(f'{self.path}: there is no column "{column}"; {hint}')

    def texts(self, column: str) -> tuple[str, ...]:
        """The column as text, without invisible characters and outer blanks. Raises `DataError` for an empty cell."""
        return tuple(map(clean, self._cells(column)))

    def _cells(self, column: str) -> tuple[str, ...]:
        """The column as written, without outer blanks."""
        self.require([column])
        at = self.columns.index(column)
        values = tuple("" if row[at] is None else str(row[at]).strip() for row in self.rows)
        for value, line in zip(values, self.lines, strict=True):
            if not clean(value):
                raise DataError(f'{self.path}, row {line}: the column "{column}" is empty')
            if "\n" in value or "\r" in value:
                start = value.splitlines()[0][:40]
                raise DataError(
                    f'{self.path}, row {line}: the column "{column}" has a line break after "{start}"; '
                    "close the quote there, or remove it"
                )
        return values

    def numbers(self, column: str) -> NDArray[np.float64]:
        """The column as float64 (N,). Raises `DataError` for a cell that is not a finite number."""
        texts = self.texts(column)
        if self.decimal_comma and _are_decimal(texts):
            texts = tuple(text.replace(",", ".") for text in texts)
        values = [_number(text) for text in texts]
        bad = [i for i, value in enumerate(values) if value is None]
        if bad:
            text = texts[bad[0]]
            more = f" (and in {len(bad) - 1} more rows)" if len(bad) > 1 else ""
            raise DataError(
                f'{self.path}, row {self.lines[bad[0]]}: "{text}" in the column "{column}" is not a finite number{more}'
                f"{_remedy(text)}"
            )
        return np.array(values, dtype=np.float64)

    def scores(self, column: str, score_range: tuple[float, float]) -> NDArray[np.float64]:
        """The column as float64 (N,). Raises `DataError` for the first value outside `score_range`."""
        values = self.numbers(column)
        low, high = score_range
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size:
            first = int(outside[0])
            more = f" (and {outside.size - 1} more)" if outside.size > 1 else ""
            raise DataError(
                f"{self.path}, row {self.lines[first]}: {column} {values[first]:g} is outside the score range {low:g} "
                f"to {high:g}{more}; correct the row or the declared range"
            )
        return values

    def shares(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Counts or shares of opinions in `columns`, as shares (N, K) that sum to 1. Raises `DataError`.

        For a negative number, and for a row without opinions.
        """
        counts = np.stack([self.numbers(column) for column in columns], axis=1)
        if (bad := np.argwhere(counts < 0)).size:
            row, at = bad[0].tolist()
            raise DataError(
                f"{self.path}, row {self.lines[row]}: {columns[at]} {counts[row, at]:g} is negative, and is to be the "
                "number or the share of the opinions in a category"
            )
        total = counts.sum(axis=1, keepdims=True)
        if (none := np.flatnonzero(total == 0)).size:
            raise DataError(
                f"{self.path}, row {self.lines[int(none[0])]}: {', '.join(columns)} are all 0; give each image the "
                "numbers or the shares of its opinions"
            )
        shares: NDArray[np.float64] = counts / total
        return shares

    def names(self, column: str, root: Path | None = None) -> tuple[str, ...]:
        """The column as unique image paths inside their folder, with forward slashes. Raises `DataError`.

        A path may be absolute if it is inside `root`. Invisible characters are kept, since names on disk may contain
        them.
        """
        roots = () if root is None else (PurePosixPath(root.absolute()), PurePosixPath(real_path(root)))
        names = tuple(_relative(text, roots) for text in self._cells(column))
        seen: dict[str, int] = {}
        for name, line in zip(names, self.lines, strict=True):
            if name in seen:
                raise DataError(
                    f'{self.path}: image "{name}" is in rows {seen[name]} and {line}; keep one row per image'
                )
            seen[name] = line
            parts = name.split("/")
            if ".." in parts or name.startswith("/") or (len(parts[0]) == 2 and parts[0].endswith(":")):
                raise DataError(
                    f'{self.path}, row {line}: image "{name}" is outside the image folder; give paths inside it'
                )
        return names


def import_reader(path: Path, module: str, package: str) -> ModuleType:
    """The module that reads `path`. Raises DataError with the command to install it if it is missing."""
    try:
        return import_module(module)
    except ImportError:
        raise DataError(f"{path}: {package} is needed to read it; install it with: pip install {package}") from None


def is_number(cell: object) -> bool:
    """Whether a cell is a finite number, or text that is one."""
    return cell is not None and _number(str(cell).strip()) is not None


def _relative(text: str, roots: Sequence[PurePosixPath]) -> str:
    """A path with forward slashes, relative to the first of `roots` that contains it."""
    bare = clean(text)
    if bare.startswith("file:///"):
        text = unquote(bare.removeprefix("file://"))
    elif bare.startswith("/") or bare[1:3] in (":/", ":\\"):  # it may have been copied with a direction mark
        text = bare
    path = PurePosixPath(unescaped(text).replace("\\", "/"))
    inside = next((root for root in roots if path.is_relative_to(root)), None)
    return (path if inside is None else path.relative_to(inside)).as_posix()


def _are_decimal(texts: Sequence[str]) -> bool:
    """Whether commas in the numbers `texts` can only be decimal commas: 1,234 alone may be a thousand."""
    found = [_DECIMAL_COMMA.fullmatch(text) for text in texts if "," in text]
    if not all(found) or any("." in text for text in texts):
        return False
    return any(len(match[2]) != 3 or match[1].strip("0") == "" for match in found if match is not None)


def _remedy(text: str) -> str:
    if "%" in text:
        return "; write it without the percent sign"
    if "," in text:
        return "; write a decimal point, and no thousands separators"
    return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
