"""Which part of the rows is on the screen. A row is a line shown; wrapped, it has several parts, one under another."""

from collections.abc import Callable
from typing import NamedTuple


class ScrollPosition(NamedTuple):
    """What the first line of the screen shows."""

    row: int
    part: int


Parts = Callable[[int], int]  # how many parts a row has, at least one


def end(rows: int, height: int, parts: Parts) -> ScrollPosition:
    """The top at which the last row is at the bottom. Looks at no more than `height` rows."""
    row, left = rows, height
    while row > 0 and left > 0:
        row -= 1
        left -= parts(row)
    return ScrollPosition(row, max(0, -left))


def moved(top: ScrollPosition, by: int, rows: int, parts: Parts) -> ScrollPosition:
    """`top` and then `by` lines of the screen down, or up where it is negative; not past the first and last row."""
    row, part = top
    while by < 0 and (row, part) > (0, 0):
        if part >= -by:
            return ScrollPosition(row, part + by)
        by += part + 1
        if row == 0:
            return ScrollPosition(0, 0)
        row -= 1
        part = parts(row) - 1
    while by > 0 and row < rows:
        left = parts(row) - 1 - part
        if left >= by:
            return ScrollPosition(row, part + by)
        if row == rows - 1:
            return ScrollPosition(row, part + left)
        by -= left + 1
        row, part = row + 1, 0
    return ScrollPosition(row, part)
