"""The table of runs: a line each, with a cursor on the selected one, and marks."""

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.glyphs import COLOURS
from iqa_tui.widgets.run_columns import GAP, VERDICTS, Column, Grid, grid

_MARGIN = 2  # terminal columns on the left, for cursor and mark


class RunTable(ScrollView, can_focus=True):
    """Shows `board.lines`. The selection is a key, not a position, so that it stays when lines come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "runs--head", "runs--cursor", "runs--dim", "runs--accent", "runs--success", "runs--error", "runs--warning",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next", show=False, id="runs.next", tooltip="Select the next run"),
        Binding("k,up", "move(-1)", "Previous", show=False, id="runs.previous", tooltip="Select the previous run"),
        Binding("g,home", "end(False)", "First", show=False, id="runs.first", tooltip="Select the first run"),
        Binding("G,end", "end(True)", "Last", show=False, id="runs.last", tooltip="Select the last run"),
        Binding("pagedown", "page(1)", show=False, id="runs.page-down", tooltip="One page down"),
        Binding("pageup", "page(-1)", show=False, id="runs.page-up", tooltip="One page up"),
        Binding("space", "mark", "Mark", show=False, id="runs.mark", tooltip="Mark or unmark the run"),
        Binding("enter", "open", "Details", show=False, id="runs.open", tooltip="Show details of the selected run"),
    ]

    board: reactive[Board] = reactive(Board, repaint=False)
    selected: reactive[str | None] = reactive(None, repaint=False)

    class Selected(Message):
        """Another line is selected."""

        def __init__(self, line: RunLine) -> None:
            super().__init__()
            self.line = line

    class Opened(Message):
        """The selected line is to be shown in full."""

        def __init__(self, line: RunLine) -> None:
            super().__init__()
            self.line = line

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.marked: set[str] = set()
        self._grid: Grid = grid(Board(), 80)

    @property
    def line(self) -> RunLine | None:
        return self.board.line(self.selected)

    def watch_board(self, old: Board, new: Board) -> None:
        """Lay the table out again if its lines have changed."""
        if old.lines is new.lines:
            return
        self.marked &= {line.key for line in new.lines}
        if new.lines and new.line(self.selected) is None:
            self.selected = new.lines[0].key
            self.post_message(self.Selected(new.lines[0]))
        if self.size.width:
            old_grid = self._grid
            self._grid = grid(new, self.size.width - _MARGIN)
            if old_grid != self._grid:
                self._fit()
                self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._grid = grid(self.board, event.size.width - _MARGIN)
        self._fit()
        self.refresh()

    def select(self, key: str) -> None:
        """Move the cursor to a line, if it exists."""
        line = self.board.line(key)
        if line is None or key == self.selected:
            return
        self.selected = key
        self._scroll_to_cursor()
        self.refresh()
        self.post_message(self.Selected(line))

    def action_move(self, by: int) -> None:
        """Move the cursor within the table."""
        if self.board.lines:
            at = min(len(self.board.lines) - 1, max(0, self._at() + by))
            self.select(self.board.lines[at].key)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))

    def action_end(self, last: bool) -> None:
        self.action_move(len(self.board.lines) if last else -len(self.board.lines))

    def action_mark(self) -> None:
        """Mark or unmark the line, and move to the next."""
        if self.selected is not None:
            self.marked ^= {self.selected}
            self.refresh()
            self.action_move(1)

    def action_open(self) -> None:
        if self.line is not None:
            self.post_message(self.Opened(self.line))

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one opens."""
        at = event.y - 1 + self.scroll_offset.y
        if event.y > 0 and 0 <= at < len(self.board.lines):
            line = self.board.lines[at]
            if line.key == self.selected and event.chain > 1:
                self.action_open()
            self.select(line.key)

    def render_line(self, y: int) -> Strip:
        """The header stays; the lines below it scroll."""
        if y == 0:
            return self._strip("  ", [c.head for c in self._grid.columns], self.get_component_rich_style("runs--head"))
        at = y - 1 + self.scroll_offset.y
        if at >= len(self._grid.cells):
            return Strip.blank(self.size.width, self.rich_style)
        line = self.board.lines[at]
        is_selected = line.key == self.selected
        style = self.rich_style if line.state else self.get_component_rich_style("runs--dim")
        if is_selected:
            style += self.get_component_rich_style("runs--cursor")
        mark = ("▸" if is_selected else " ") + ("*" if line.key in self.marked else " ")
        return self._strip(mark, self._grid.cells[at], style, line)

    def _strip(
        self, mark: str, cells: "list[str] | tuple[str, ...]", style: Style, line: RunLine | None = None
    ) -> Strip:
        segments = [Segment(mark, style)]
        for column, width, text in zip(self._grid.columns, self._grid.widths, cells, strict=True):
            segments.append(Segment(_cell(column, text, width) + " " * GAP, self._styled(column, line, style)))
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _styled(self, column: Column, line: RunLine | None, style: Style) -> Style:
        """The style of a cell: state and verdict are coloured."""
        colour = None
        if line is not None and column.key == "state":
            colour = COLOURS.get(line.state)
        if line is not None and column.key in VERDICTS and line.result and line.result.better is not None:
            colour = "success" if line.result.better else "warning"  # of a component; runs alone have neither
        if colour is None:
            return style
        return style + Style(color=self.get_component_rich_style(f"runs--{colour}", partial=True).color)

    def _at(self) -> int:
        return next((n for n, line in enumerate(self.board.lines) if line.key == self.selected), 0)

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._grid.cells) + 1)

    def _scroll_to_cursor(self) -> None:
        at = self._at()
        room = max(1, self.size.height - 1)
        if at < self.scroll_offset.y:
            self.scroll_to(y=at, animate=False)
        elif at >= self.scroll_offset.y + room:
            self.scroll_to(y=at - room + 1, animate=False)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Repaint all lines but the header."""
        super().watch_scroll_y(old, new)
        self.refresh(Region(0, 1, self.size.width, self.size.height))


def _cell(column: Column, text: str, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)).rstrip() + "…"
    fill = " " * (width - cell_len(text))
    return fill + text if column.right else text + fill
