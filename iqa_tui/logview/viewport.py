"""The visible part of a log: which rows are on the screen, and how they are painted."""

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len
from textual.geometry import Size
from textual.strip import Strip

from iqa_train.tab_stops import TabStops
from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import Document, last_state
from iqa_tui.logview.finder import Finder
from iqa_tui.logview.index import BLOCK
from iqa_tui.logview.strips import PaintStyle, paint

_CACHED_ROWS = 512  # rows whose strips are cached
_LONGEST_ROW = 1000  # bytes of a row of a table


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
        self._aligned = True  # whether all rows painted so far have the present columns
        self._strips: dict[int, list[Strip]] = {}
        self._stops = TabStops(cell_len)
        self._stops_of: tuple[Document, int] | None = None  # the document that they were learnt from, its generation

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
        painted = self._painted()
        return painted if self._aligned else self._painted()

    def _painted(self) -> list[tuple[int, Strip]]:
        visible: list[tuple[int, Strip]] = []
        self._aligned = True
        row, part, height, rows = *self.top, self.size.height, self.rows
        while row < rows and len(visible) < height:
            visible += [(row, strip) for strip in self._strips_of(row)[part:]]
            row, part = row + 1, 0
        if not self._aligned:  # a column has got wider: lines above it have to follow
            self._strips.clear()
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
            if b"\t" in text.data:
                self._learn(text.data)
            strips = self._strips[row] = paint(text, self._current_style(), self._stops, marked=line == self.mark)
        return strips

    def _learn(self, data: bytes) -> None:
        """Make columns as wide as those of this line; first, as those at the beginning of the log, with its header."""
        assert self.finder is not None
        document = self.finder.document
        if self._stops_of != (document, document.generation):
            self._stops, self._stops_of = TabStops(cell_len), (document, document.generation)
            for line in document.source.read(0, BLOCK).split(b"\n"):
                if b"\t" in line and len(line) <= _LONGEST_ROW:
                    self._stops.learn(text_of(last_state(line).data))
        if self._stops.learn(text_of(data)):
            self._aligned = False

    def _current_style(self) -> PaintStyle:
        if self._style is None:
            self._style = self._make_style()
        return self._style
