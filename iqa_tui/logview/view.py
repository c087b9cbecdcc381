"""The widget that shows a log: see `LogView`."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.bindings import LOG
from iqa_tui.logview.document import Document
from iqa_tui.logview.finder import Finder
from iqa_tui.logview.searchable import SearchableLog
from iqa_tui.logview.status import LogStatus
from iqa_tui.logview.viewport import ScrollPosition

POLL = 0.25  # seconds between two looks at the file, and so between two repaints
_SLICE = 0.005  # seconds of counting or searching between two turns of the event loop
_AT_OPEN = 0.01  # seconds of counting before the first paint
_EVENT_SHOWN = 10.0  # seconds for which a note about what happened stays


class LogView(SearchableLog, can_focus=True):
    """A log file, from its end. Polls the file while it is on the screen, and does nothing while it is not.

    Only visible lines are read and decoded; memory does not grow with the file, but for eight bytes for each 64 KB of
    it and for each hit of a search or filter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LOG]

    @dataclass
    class Changed(Message):
        """The status is another: at most as often as the file is polled, and when the user does something."""

        view: "LogView"
        status: LogStatus

        @property
        def control(self) -> "LogView":
            """The view it comes from."""
            return self.view

    @dataclass
    class Asked(Message):
        """The user wants to type what to search for, to filter by, or which line to go to."""

        view: "LogView"
        what: str  # "search", "filter" or "goto"

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._generation = self._moved = 0
        self._event = ("", 0.0)
        self._last_status: LogStatus | None = None
        self._on_screen = False
        self._renewed = 0.0  # when it was made to be painted last
        self._stale = False  # whether there is more than was painted then

    # What a host calls

    def open(self, path: Path | None) -> None:
        """Show another file, from its end; search and filter go on in it. None: show nothing."""
        search, chosen = self.search_text, self.filter_text
        if self._document is not None:
            self._document.source.close()
        self._document = Document(path) if path is not None else None
        self._finder = Finder(self._document) if self._document is not None else None
        self._mark, self._left, self._wish, self._event = None, 0, None, ("", 0.0)
        self._generation = self._moved = 0
        self.set_reactive(LogView.follow, True)
        if self._finder is not None:
            self._finder.show_only(chosen)
            self._finder.look_for(search)
        self._poll(seconds=_AT_OPEN)
        self._renew()

    def close(self) -> None:
        """Let go of the file."""
        self.open(None)

    @property
    def path(self) -> Path | None:
        """The file that is shown."""
        return self._document.source.path if self._document is not None else None

    def visible_text(self) -> str:
        """The text of the lines on the screen."""
        if self._document is None:
            return ""
        rows = sorted({row for row, _ in self._on_the_screen()})
        return "\n".join(text_of(self._document.line(self._line_of(row)).data) for row in rows)

    @property
    def status(self) -> LogStatus:
        """What there is to say now."""
        document, finder = self._document, self._finder
        note, until = self._event
        if document is None or finder is None:
            return LogStatus(follow=self.follow, wrap=self.wrap, note="no log")
        hits = finder.hits
        return LogStatus(
            lines=document.lines,
            exact=document.exact,
            line=self._place_in_file(),
            follow=self.follow,
            below=0 if self.follow else max(0, self._rows - self._rows_seen),
            search=self.search_text,
            position=hits.position(self._mark) if hits is not None and self._mark is not None else 0,
            hits=len(hits.hits) if hits is not None else 0,
            searching=hits is not None and not hits.complete,
            filter=self.filter_text,
            shown=self._rows if finder.filter is not None else 0,
            wrap=self.wrap,
            note=document.source.trouble or (note if time.monotonic() < until else ""),
        )

    def _place_in_file(self) -> int:
        """Number, from 1, of the marked line if it is on the screen, otherwise of the last one there."""
        lines = [self._line_of(row) for row, _ in self._on_the_screen()]
        return (self._mark if self._mark is not None and self._mark in lines else lines[-1]) + 1 if lines else 0

    # Looking at the file

    def on_mount(self) -> None:
        """Begin to poll."""
        self.set_interval(POLL, self._tick)

    def on_unmount(self) -> None:
        """Let go of the file."""
        if self._document is not None:
            self._document.source.close()

    def on_show(self) -> None:
        """On the screen again: catch up at once."""
        self._on_screen = True
        self._poll(seconds=_AT_OPEN)
        self._renew()

    def on_hide(self) -> None:
        """Nobody looks: no more polling."""
        self._on_screen = False

    def _tick(self) -> None:
        if self._on_screen and self.screen.is_current:
            self._poll(seconds=_SLICE)

    def _poll(self, seconds: float) -> None:
        document, finder = self._document, self._finder
        news = busy = False
        if document is not None and finder is not None:
            news = document.poll()
            if document.source.event is not None:
                self._tell_event(document.source.event)
            busy = document.work(seconds)
            busy = finder.work(_SLICE) or busy or not document.exact
            if busy and self.is_mounted:
                self.run_worker(self._work_on(document, finder), group="log", exclusive=True)
            self._take_in(document)
        if news or document is None or self._stale:
            self._renew_when_due()
        elif busy or (
            self._last_status is not None and self._last_status.note
        ):  # a log that rests costs a look at its size
            self._tell()

    def _look_on(self) -> None:
        self._poll(seconds=_SLICE)
        self._renew()

    async def _work_on(self, document: Document, finder: Finder) -> None:
        """Count and look in slices, so that the event loop has its turn after each."""
        while document is self._document and (document.work(_SLICE) | finder.work(_SLICE)):
            self._take_in(document)
            self._renew_when_due()
            await asyncio.sleep(0)
        if document is self._document:
            self._take_in(document)
            self._renew_when_due()
            if self._wish is not None and self._stale:  # somebody waits to be taken there
                self._renew()

    def _renew_when_due(self) -> None:
        """Not more often than the file is looked at, however fast it grows."""
        self._stale = time.monotonic() - self._renewed < 0.9 * POLL
        if not self._stale:
            self._renew()

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        super()._renew()

    def _take_in(self, document: Document) -> None:
        """Follow the document where it has begun anew, or where lines were put before those that are shown."""
        if document.generation != self._generation:
            self._generation, self._moved = document.generation, 0
            self._top, self._mark, self._rows_seen = ScrollPosition(0, 0), None, 0
        by = document.moved - self._moved
        if by:
            self._moved = document.moved
            self._mark = None if self._mark is None else self._mark + by
            if not self.filter_text:
                self._top = ScrollPosition(self._top.row + by, self._top.part)
                self._rows_seen += by
            self._renew()

    def _tell(self) -> None:
        status = self.status
        if status != self._last_status and self.is_mounted:
            self._last_status = status
            self.post_message(self.Changed(self, status))

    def _tell_event(self, text: str) -> None:
        self._event = (text, time.monotonic() + _EVENT_SHOWN)

    # Keys

    def action_ask(self, what: str) -> None:
        """Ask the host for a line of text."""
        self.post_message(self.Asked(self, what))

    def action_follow(self) -> None:
        """To the end, and stay there."""
        self.set_reactive(LogView.follow, True)
        self._renew()

    def action_wrap(self) -> None:
        """Wrap lines, or no more."""
        self.wrap = not self.wrap

    def action_copy(self) -> None:
        """Copy the marked line if it is on the screen, otherwise all that is on the screen."""
        if self._document is None:
            return
        rows = [row for row, _ in self._on_the_screen()]
        marked = self._mark is not None and self._mark in {self._line_of(row) for row in rows}
        text = (
            text_of(self._document.line(self._mark).data) if marked and self._mark is not None else self.visible_text()
        )
        self.app.copy_to_clipboard(text)
        self._tell_event("line copied" if marked else f"{len(set(rows))} lines copied")
        self._tell()

    def action_scroll_end(self) -> None:
        """To the end, and stay there."""
        self.action_follow()
