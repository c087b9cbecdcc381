"""Searching, filtering and jumping about in a log."""

from dataclasses import dataclass

from iqa_tui.logview.finder import Direction, NoHit, seek
from iqa_tui.logview.landmarks import RESULT, TROUBLE, Landmark
from iqa_tui.logview.scan import Scan
from iqa_tui.logview.scrollable import ScrollableLog
from iqa_tui.logview.viewport import ScrollPosition


@dataclass(frozen=True)
class PendingJump:
    """A jump that waits until the scan has got far enough."""

    scan: Scan
    direction: Direction
    line: int
    name: str


class SearchableLog(ScrollableLog):
    """A surface that knows what it looks for. A subclass keeps the scans going: `_look_on`."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._wish: PendingJump | None = None

    @property
    def search_text(self) -> str:
        """What is searched for."""
        return self._finder.search.text if self._finder is not None and self._finder.search is not None else ""

    @property
    def filter_text(self) -> str:
        """What lines must hold to be shown."""
        return self._finder.filter.text if self._finder is not None and self._finder.filter is not None else ""

    def search(self, text: str) -> None:
        """Mark all hits of `text` (a pattern where it is a valid one), and go to the nearest. Empty: end the search."""
        if self._finder is None:
            return
        self._finder.look_for(text)
        self._mark = self._wish = None
        self._tell_event((self._finder.search and self._finder.search.note) or "")
        if self._finder.hits is not None:
            if self.follow:  # the latest
                self._wish = PendingJump(self._finder.hits, -1, self._bottom_line() + 1, "")
            else:
                self._wish = PendingJump(self._finder.hits, 1, self._line_of(self._top.row) - 1, "")
        self._look_on()

    def show_only(self, text: str) -> None:
        """Show only the lines that match `text`, also of those that come. Empty: show all."""
        if self._finder is None:
            return
        line = self._mark if self._mark is not None else self._line_of(self._top.row)
        self._finder.show_only(text)
        self._tell_event((self._finder.filter and self._finder.filter.note) or "")
        self._top = ScrollPosition(min(self._finder.rows.row_of(line), max(0, self._rows - 1)), 0)
        self._rows_seen = self._rows
        self._look_on()

    def goto(self, line: int) -> None:
        """Mark line `line`, from 1, and bring it on the screen; beyond the ends, the nearest there is."""
        if self._document is not None and self._document.lines:
            self._show(min(max(line, 1), self._document.lines) - 1)

    def _wish_for(self, scan: Scan | None, direction: Direction, name: str) -> None:
        if scan is None:
            return
        shown = {self._line_of(row) for row, _ in self._on_the_screen()}
        start = self._mark
        if start is None or start not in shown:
            start = self._line_of(self._top.row) - 1 if direction > 0 else self._bottom_line() + 1
        self._wish = PendingJump(scan, direction, start, name)
        self._look_on()

    def _grant(self) -> None:
        """Jump to where a wish leads, if that is known by now."""
        wish = self._wish
        if wish is None:
            return
        found = seek(wish.scan, wish.direction, wish.line, around=not wish.name)
        if found is NoHit.NOT_YET:
            return
        self._wish = None
        if isinstance(found, int):
            if not wish.name and (found - wish.line) * wish.direction < 0:
                self._tell_event("gone round")
            self._show(found)
        elif wish.name:
            self._tell_event(f"no {wish.name} {'after' if wish.direction > 0 else 'before'} this line")
            self._tell()

    def action_find(self, direction: Direction) -> None:
        """To the next or previous hit of the search."""
        if self._finder is not None:
            self._wish_for(self._finder.hits, direction, "")

    def action_result(self, direction: Direction) -> None:
        """To the next or previous result of an epoch."""
        self._jump(RESULT, direction)

    def action_trouble(self, direction: Direction) -> None:
        """To the next or previous warning or error."""
        self._jump(TROUBLE, direction)

    def _jump(self, kind: Landmark, direction: Direction) -> None:
        if self._finder is not None:
            self._wish_for(self._finder.landmarks(kind), direction, kind.name)

    def _renew(self) -> None:
        super()._renew()
        self._grant()

    def _look_on(self) -> None:
        """Go on with the scans."""

    def _tell_event(self, text: str) -> None:
        """Tell the host what happened."""
