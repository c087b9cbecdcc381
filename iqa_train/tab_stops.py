"""Elastic tab stops: lines with the same number of cells form a table; a column is as wide as its widest cell."""

import re
from collections.abc import Callable

_GAP = 2  # blanks between columns
_INDENT = 8  # columns of a tab at the beginning of a line
_WIDEST = 40  # columns; a wider cell moves what follows it, but no other line
_MOST_CELLS = 64

_TABS = re.compile("(\t+)")


class TabStops:
    """Column widths, by number of cells. They only grow, so that a line is seldom drawn again.

    Several tabs in a row end one cell: the original training script writes them below a header with single ones.
    """

    def __init__(self, width: Callable[[str], int]) -> None:
        self._width = width  # the columns that a text takes on the screen
        self._widths: dict[int, list[int]] = {}

    def learn(self, line: str) -> bool:
        """Take a line into account; returns whether a column got wider. Widths are those of plain text: no escapes."""
        cells = _cells(line.lstrip("\t"))
        if not 1 < len(cells) <= _MOST_CELLS:
            return False
        known = self._widths.setdefault(len(cells), [0] * (len(cells) - 1))
        grew = False
        for k, cell in enumerate(cells[:-1]):
            width = self._width(cell)
            if known[k] < width <= _WIDEST:
                known[k], grew = width, True
        return grew

    def blanks(self, line: str) -> list[int]:
        """The number of blanks that each tab of `line` stands for."""
        rest = line.lstrip("\t")
        found = [_INDENT] * (len(line) - len(rest))
        cells, tabs = _cells(rest), _TABS.findall(rest)
        widths = self._widths.get(len(cells), [0] * len(tabs))
        for cell, run, width in zip(cells, tabs, widths, strict=False):
            found += [max(0, width - self._width(cell)) + _GAP, *[0] * (len(run) - 1)]
        return found


def _cells(line: str) -> list[str]:
    return _TABS.split(line)[::2]
