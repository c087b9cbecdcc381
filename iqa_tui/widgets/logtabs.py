"""The line above the log: a tab for each run's log, with its key."""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from iqa_tui.safe import plain
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.glyphs import COLOURS, GLYPHS


class LogTabs(Static):
    """Such as `[1]Baseline [2]A1`; the selected tab is highlighted, and a click selects another."""

    class TabSelected(Message):
        """A tab was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._lines: tuple[RunLine, ...] = ()
        self._selected: str | None = None
        self._ends: list[tuple[int, str]] = []  # end column and run key of each visible tab

    def show(self, board: Board, selected: str | None) -> None:
        if (board.lines, selected) != (self._lines, self._selected):
            self._lines, self._selected = board.lines, selected
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        for end, key in self._ends:
            if event.x < end:
                self.post_message(self.TabSelected(key))
                return

    def render(self) -> Content:
        """As many tabs as fit, starting so that the selected one is visible."""
        tabs = [self._tab(line) for line in self._lines]
        at = next((n for n, line in enumerate(self._lines) if line.key == self._selected), 0)
        first = 0
        while first < at and sum(tab.cell_length for tab in tabs[first : at + 2]) > self.size.width:
            first += 1
        self._ends, end = [], 0
        for line, tab in zip(self._lines[first:], tabs[first:], strict=True):
            end += tab.cell_length
            self._ends.append((end, line.key))
        return Content("").join(tabs[first:])

    def _tab(self, line: RunLine) -> Content:
        several = len({other.seed for other in self._lines}) > 1
        name = plain(line.experiment) + (f" s{line.seed}" if several else "")
        name += f" r{line.run.repeat}" if line.run.repeat > 1 else ""
        key = f"[{line.number}]" if line.number <= 9 else ""
        glyph = GLYPHS.get(line.state, "")
        colour = f"${COLOURS[line.state]}" if line.state in COLOURS else "$text-muted"
        style = "bold reverse" if line.key == self._selected else ""
        return Content.assemble((f"{key}{name}", style), (f"{glyph}" if glyph else "", colour), "  ")
