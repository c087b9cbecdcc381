"""The line above the log: a tab for each run's log, with its key."""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from iqa_tui.safe import plain
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.glyphs import COLOURS, GLYPHS

_AFTER = 7  # columns that the number of tabs behind the last takes


class LogTabs(Static):
    """Such as `[1] Baseline ✓  [2] A1 ▶`; the selected tab is highlighted, and a click selects another."""

    class TabSelected(Message):
        """A tab was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._lines: tuple[RunLine, ...] = ()
        self._selected: str | None = None
        self._places: list[tuple[int, int, str]] = []  # first column, the one after, and run key of each visible tab

    def show(self, board: Board, selected: str | None) -> None:
        if (board.lines, selected) != (self._lines, self._selected):
            self._lines, self._selected = board.lines, selected
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        for begin, end, key in self._places:
            if begin <= event.x < end:
                self.post_message(self.TabSelected(key))
                return

    def render(self) -> Content:
        """As many tabs as fit, the selected one among them, and how many there are on either side."""
        tabs = [self._tab(line) for line in self._lines]
        at = next((n for n, line in enumerate(self._lines) if line.key == self._selected), 0)
        first, last = self._window([tab.cell_length for tab in tabs], at)
        before, after = _more("‹", first), _more("›", len(tabs) - last)
        self._places, end = [], len(before)
        for line, tab in zip(self._lines[first:last], tabs[first:last], strict=True):
            self._places.append((end, end + tab.cell_length, line.key))
            end += tab.cell_length
        return Content.assemble((before, "$text-muted"), *tabs[first:last], (after, "$text-muted"))

    def _window(self, widths: list[int], at: int) -> tuple[int, int]:
        """The first tab shown and the one after the last: from the first on, or such that tab `at` is the last."""
        first = 0
        while True:
            last, used = first, len(_more("‹", first))
            while last < len(widths) and used + widths[last] <= self.size.width - _AFTER * (last + 1 < len(widths)):
                used, last = used + widths[last], last + 1
            if last > at or first >= at:
                return first, max(last, min(first + 1, len(widths)))
            first += 1

    def _tab(self, line: RunLine) -> Content:
        several = len({other.seed for other in self._lines}) > 1
        name = plain(line.experiment) + (f" s{line.seed}" if several else "")
        name += f" r{line.run.repeat}" if line.run.repeat > 1 else ""
        key = f"[{line.number}] " if line.number <= 9 else ""
        glyph = GLYPHS.get(line.state, "")
        colour = f"${COLOURS[line.state]}" if line.state in COLOURS else "$text-muted"
        style = "bold reverse" if line.key == self._selected else ""
        return Content.assemble((f"{key}{name}", style), (f" {glyph}" if glyph else "", colour), "  ")


def _more(mark: str, count: int) -> str:
    """Such as `‹3 `: so many tabs are not shown on that side."""
    if not count:
        return ""
    return f"{mark}{count} " if mark == "‹" else f"+{count} {mark}"
