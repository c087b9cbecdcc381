"""Parses the table of epochs in a log: its header, in any of its layouts, and its rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from iqa_train.log_import.numbers import decimals, number

_NAMES = {
    "epoch": "epoch", "trainloss": "train_loss", "loss": "train_loss", "trainsrcc": "train_srcc",
    "testsrcc": "test_srcc", "testplcc": "test_plcc",
}  # fmt: skip
_MEASURE = re.compile(r"(?P<set>[a-z0-9]+)(?P<measure>srcc|plcc|krcc|rmse)")
_PARTS = re.compile(r"\(([^()]*)\)")
_PART = re.compile(r"(\w+)\s*[:=]\s*([-+.\w]+)")
_EPOCH = re.compile(r"(\d{1,5})(?:/\d{1,6})?:?")
_LOOKS_LIKE_ROW = re.compile(
    r"\s*\d{1,6}(?:/\d{1,6})?:?[\t ]+(?:[-+\u2212]?[.\d]|[-+]?(?:nan|inf|none|null|n/a)|-)", re.IGNORECASE
)
_SEPARATORS = (r"\t+", r"\s{2,}", r"\s+", r"\s*,\s*", r"\s*;\s*", r"\s*\|\s*")
_STANDARD = ("epoch", "train_loss", "train_srcc", "test_srcc", "test_plcc")


@dataclass(frozen=True)
class Epoch:
    """A row of the table; values that are missing or not numbers are None.

    `parts` are the terms of the loss, such as L1 and Rank; `more` are further columns, such as spaq_srcc. `rate` is the
    backbone's learning rate and `seconds` the duration, if the lines around the row state them.
    """

    number: int
    train_loss: float | None
    train_srcc: float | None
    test_srcc: float | None
    test_plcc: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, float | None] = field(default_factory=dict)
    rate: float | None = None
    seconds: float | None = None


class BrokenRowError(ValueError):
    """A line that begins like a row of the table but is not one."""


def header_of(text: str) -> tuple[str, ...] | None:
    """The names of the columns, if `text` is a header: Epoch first, Test_SRCC later, with any separator."""
    plain = text.strip().replace('"', "")
    if plain[:5].lower() != "epoch":
        return None
    for separator in _SEPARATORS:
        cells = re.split(separator, plain)
        names = tuple(_name(cell) for cell in cells)
        if names[0] == "epoch" and "test_srcc" in names and not any(map(_is_spoilt, cells, names)):
            return names
    return None


def separator_of(header: str) -> str:
    """The separator of the columns of a header: a comma, a semicolon, a vertical bar, or "" for blanks."""
    for mark in ",;|":
        names = [_name(cell) for cell in header.strip().split(mark)]
        if names[0] == "epoch" and "test_srcc" in names:
            return mark
    return ""


def row_of(text: str, columns: Sequence[str], separator: str = "") -> Epoch | None:
    """The epoch of a row; None for any other line. Raises BrokenRowError.

    The script prints all correlations with the same number of decimals; if they differ, the row has lost some. In a row
    with fewer or more numbers than columns, numbers cannot be assigned to columns.
    """
    if separator:
        text = "\t".join(cell.strip() or "nan" for cell in text.replace('"', "").split(separator))
    if not _LOOKS_LIKE_ROW.match(text):
        return None
    parts = {name: value for group in _PARTS.findall(text) for name, value in _numbers(group)}
    words = _PARTS.sub(" ", text).split()
    if not _fits(words, columns):
        raise BrokenRowError(text)
    cells = dict(zip(columns, words, strict=False))
    epoch = _EPOCH.fullmatch(cells.get("epoch", ""))
    if epoch is None or "test_srcc" not in cells or int(epoch[1]) < 1:
        raise BrokenRowError(text)
    measured = {name: cell for name, cell in cells.items() if name not in {"epoch", ""}}
    correlations = [cell for name, cell in measured.items() if name.endswith(("srcc", "plcc", "krcc"))]
    numbers = {name: _number(cell) for name, cell in measured.items()}
    written = {found for cell in correlations if (found := decimals(cell)) is not None}
    if (
        len({places for shifted, places in written if shifted}) > 1
        or len({p for shifted, p in written if not shifted}) > 1
    ):
        raise BrokenRowError(text)
    if any(not -1 <= value <= 1 for value in map(_number, correlations) if value is not None):
        raise BrokenRowError(text)
    known = {name: numbers.pop(name, None) for name in ("train_loss", "train_srcc", "test_srcc", "test_plcc")}
    return Epoch(int(epoch[1]), **known, parts=parts, more=numbers)


def _fits(words: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the words can be assigned to the columns.

    All non-standard columns may be missing, an unnamed last one (a time, say) may have several words, and remarks may
    follow the numbers.
    """
    standard = max(place for place, name in enumerate(columns) if name in _STANDARD) + 1
    more = words[len(columns) :]
    if not more:
        return len(words) in {standard, len(columns)}
    return columns[-1] == "" or not any(character.isdigit() for word in more for character in word)


def _is_spoilt(cell: str, name: str) -> bool:
    """Whether something else is attached to the name of a measure, such as text that another program added."""
    return not name and re.search(r"srcc|plcc|[{}\\\"]", cell, re.IGNORECASE) is not None


def _name(cell: str) -> str:
    """The column's name: `Test_SRCC`, `Test SRCC` and `test srcc` are the same; "" if it is not a measure."""
    plain = re.sub(r"[^a-z0-9]", "", cell.lower())
    measure = _MEASURE.fullmatch(plain)
    return _NAMES.get(plain) or (f"{measure['set']}_{measure['measure']}" if measure else "")


def _numbers(group: str) -> list[tuple[str, float]]:
    found = []
    for name, text in _PART.findall(group):
        try:
            value = number(text)
        except ValueError:
            continue
        if value is not None:
            found.append((name, value))
    return found


def _number(cell: str) -> float | None:
    """None for nan and inf. Raises BrokenRowError for text that is not a number."""
    try:
        return number(cell)
    except ValueError:
        raise BrokenRowError(cell) from None
