"""The visible part of a log: which rows are on the screen, and how they are painted."""

from collections.abc import Callable
from typing import NamedTuple

from textual.geometry import Size
from textual.strip import Strip

from iqa_tui.logview.finder import Finder
from iqa_tui.logview.strips import PaintStyle, paint

_CACHED_ROWS = 512  # rows whose strips are cached


class ScrollPosition(NamedTuple):
    """What is in the first line of the screen: a row, and which of its parts. A wrapped row has several parts."""

    row: int
    part: int


class Viewport:
    """The rows from `top` on that fit the screen, and the line that is marked.

    `size` and `style` are called when needed, since the widget knows its size and colours only once it is mounted.
    """

    def __init__(self, size: Callable[[], Size], style: Callable[[], PaintStyle]) -> None:
        self.finder: Finder | None = None
        self.top = ScrollPosition(0, 0)
        self.mark: int | None = None  # number of a line
        self._size = size
        self._make_style = style
        self._style: PaintStyle | None = None
        self._strips: dict[int, list[Strip]] = {}

    @property
    def size(self) -> Size:
        """Columns and lines of the screen."""
        return self._size()

    @property
    def rows(self) -> int:
        """The number of rows of the log."""
        return self.finder.rows.count if self.finder is not None else 0

    def line_of(self, row: int) -> int:
        """The number of the line in `row`; 0 if there is no such row."""
        return self.finder.rows.line_of(row) if self.finder is not None and row < self.rows else 0

    def row_of(self, line: int) -> int:
        """The row of `line`, or of the next one shown after it, or the last row."""
        return min(self.finder.rows.row_of(line), max(0, self.rows - 1)) if self.finder is not None else 0

    def visible(self) -> list[tuple[int, Strip]]:
        """The rows on the screen with their strips, from the top."""
        visible: list[tuple[int, Strip]] = []
        row, part, height, rows = *self.top, self.size.height, self.rows
        while row < rows and len(visible) < height:
            visible += [(row, strip) for strip in self._strips_of(row)[part:]]
            row, part = row + 1, 0
        return visible[:height]

    def visible_lines(self) -> list[int]:
        """The numbers of the lines on the screen, from the top, each once."""
        return [self.line_of(row) for row in dict.fromkeys(row for row, _ in self.visible())]

    @property
    def visible_mark(self) -> int | None:
        """The number of the marked line, if it is on the screen."""
        return self.mark if self.mark in self.visible_lines() else None

    @property
    def end(self) -> ScrollPosition:
        """The position with the last row at the bottom. Visits no more rows than fit the screen."""
        row, left = self.rows, self.size.height
        while row > 0 and left > 0:
            row -= 1
            left -= self._parts(row)
        return ScrollPosition(row, max(0, -left))

    def moved(self, top: ScrollPosition, by: int) -> ScrollPosition:
        """`top` moved down by `by` lines of the screen (up if negative), but not past the first or last row."""
        row, part = top
        while by < 0 and (row, part) > (0, 0):
            if part >= -by:
                return ScrollPosition(row, part + by)
            by += part + 1
            if row == 0:
                return ScrollPosition(0, 0)
            row -= 1
            part = self._parts(row) - 1
        while by > 0 and row < self.rows:
            left = self._parts(row) - 1 - part
            if left >= by:
                return ScrollPosition(row, part + by)
            if row == self.rows - 1:
                return ScrollPosition(row, part + left)
            by -= left + 1
            row, part = row + 1, 0
        return ScrollPosition(row, part)

    def repaint(self, *, restyle: bool = False) -> None:
        """Paint the rows again when they are needed; with `restyle`, in a new style."""
        self._strips.clear()
        if restyle:
            self._style = None

    def _parts(self, row: int) -> int:
        return len(self._strips_of(row)) if self._current_style().wrap else 1

    def _strips_of(self, row: int) -> list[Strip]:
        strips = self._strips.get(row)
        if strips is None:
            assert self.finder is not None
            line = self.line_of(row)
            if len(self._strips) > _CACHED_ROWS:
                self._strips.clear()
            text = self.finder.document.line(line)
            strips = self._strips[row] = paint(text, self._current_style(), marked=line == self.mark)
        return strips

    def _current_style(self) -> PaintStyle:
        if self._style is None:
            self._style = self._make_style()
        return self._style
