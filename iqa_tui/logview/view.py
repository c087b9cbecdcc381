"""The widget that shows a log: see `LogView`."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from iqa_tui.logview import viewport
from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.bindings import LOG
from iqa_tui.logview.document import Document
from iqa_tui.logview.finder import Direction, Finder, Nowhere, seek
from iqa_tui.logview.landmarks import RESULT, TROUBLE, Landmark
from iqa_tui.logview.painter import Look, paint
from iqa_tui.logview.scan import Scan
from iqa_tui.logview.status import LogStatus
from iqa_tui.logview.viewport import Top

POLL = 0.25  # seconds between two looks at the file, and so between two repaints
_SLICE = 0.005  # seconds of counting or searching between two turns of the event loop
_AT_OPEN = 0.01  # seconds of counting before the first paint
_EVENT_SHOWN = 10.0  # seconds for which a note about what happened stays
_STEP = 8  # columns sideways
_KEPT = 512  # rows of which the strips are kept


@dataclass(frozen=True)
class _Wish:
    """A jump that waits until the scan has got far enough."""

    scan: Scan
    direction: Direction
    line: int
    name: str


class LogView(ScrollView, can_focus=True):
    """A log file, from its end. Polls the file while it is on the screen, and does nothing while it is not.

    Only visible lines are read and decoded; memory does not grow with the file, but for eight bytes for each 64 KB of
    it and for each hit of a search or filter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LOG]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"logview--hit", "logview--mark", "logview--note"}
    DEFAULT_CSS = """
    LogView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        background: $surface;
        color: $foreground;
        & .logview--hit { background: $warning; color: $background; text-style: bold; }
        & .logview--mark { background: $primary 40%; }
        & .logview--note { color: $text-muted; text-style: italic; }
    }
    """

    follow: reactive[bool] = reactive(True, init=False)
    """Whether the view stays at the end as lines come."""
    wrap: reactive[bool] = reactive(False, init=False)
    """Whether long lines are broken; otherwise left and right scroll sideways."""

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
        self._document: Document | None = None
        self._finder: Finder | None = None
        self._generation = self._moved = 0
        self._top = Top(0, 0)
        self._left = 0
        self._mark: int | None = None
        self._rows_seen = 0
        self._wish: _Wish | None = None
        self._event = ("", 0.0)
        self._told: LogStatus | None = None
        self._placing = self._on_screen = False
        self._painted: dict[int, list[Strip]] = {}
        self._look: Look | None = None

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

    def close(self) -> None:
        """Let go of the file."""
        self.open(None)

    @property
    def path(self) -> Path | None:
        """The file that is shown."""
        return self._document.source.path if self._document is not None else None

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
                self._wish = _Wish(self._finder.hits, -1, self._bottom_line() + 1, "")
            else:
                self._wish = _Wish(self._finder.hits, 1, self._line_of(self._top.row) - 1, "")
        self._renew()

    def show_only(self, text: str) -> None:
        """Show only the lines that match `text`, also of those that come. Empty: show all."""
        if self._finder is None:
            return
        line = self._mark if self._mark is not None else self._line_of(self._top.row)
        self._finder.show_only(text)
        self._tell_event((self._finder.filter and self._finder.filter.note) or "")
        self._top = Top(min(self._finder.rows.row_of(line), max(0, self._rows - 1)), 0)
        self._rows_seen = self._rows
        self._renew()

    def goto(self, line: int) -> None:
        """Mark line `line`, from 1, and bring it on the screen; beyond the ends, the nearest there is."""
        if self._document is not None and self._document.lines:
            self._show(min(max(line, 1), self._document.lines) - 1)

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
            line=self._bottom_line() + 1 if self._rows else 0,
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

    def on_hide(self) -> None:
        """Nobody looks: no more polling."""
        self._on_screen = False

    def _tick(self) -> None:
        if self._on_screen and self.screen.is_current:
            self._poll(seconds=_SLICE)

    def _poll(self, seconds: float) -> None:
        document, finder = self._document, self._finder
        news = False
        if document is not None and finder is not None:
            news = document.poll()
            if document.source.event is not None:
                self._tell_event(document.source.event)
            busy = document.work(seconds)
            busy = finder.work(_SLICE) or busy or not document.exact
            if busy and self.is_mounted:
                self.run_worker(self._work_on(document, finder), group="log", exclusive=True)
            self._take_in(document)
        if news or document is None:
            self._renew()
        else:
            self._tell()

    async def _work_on(self, document: Document, finder: Finder) -> None:
        """Count and look in slices, so that the event loop has its turn after each."""
        painted = time.monotonic()
        while document is self._document and (document.work(_SLICE) | finder.work(_SLICE)):
            if time.monotonic() - painted > POLL:
                painted = time.monotonic()
                self._take_in(document)
                self._renew()
            await asyncio.sleep(0)
        if document is self._document:
            self._take_in(document)
            self._renew()

    def _take_in(self, document: Document) -> None:
        """Follow the document where it has begun anew, or where lines were put before those that are shown."""
        if document.generation != self._generation:
            self._generation, self._moved = document.generation, 0
            self._top, self._mark, self._rows_seen = Top(0, 0), None, 0
        by = document.moved - self._moved
        if by:
            self._moved = document.moved
            self._mark = None if self._mark is None else self._mark + by
            if not self.filter_text:
                self._top = Top(self._top.row + by, self._top.part)
                self._rows_seen += by

    # Where the view is

    @property
    def _rows(self) -> int:
        return self._finder.rows.count if self._finder is not None else 0

    def _line_of(self, row: int) -> int:
        return self._finder.rows.line_of(row) if self._finder is not None and row < self._rows else 0

    def _height_of(self, row: int) -> int:
        return len(self._strips(row)) if self.wrap else 1

    def _end(self) -> Top:
        return viewport.end(self._rows, self._area.height, self._height_of)

    @property
    def _area(self) -> Size:
        return self.scrollable_content_region.size

    def _on_the_screen(self) -> list[tuple[int, Strip]]:
        """Rows and their strips, from the top of the screen."""
        shown: list[tuple[int, Strip]] = []
        row, part, height, rows = *self._top, self._area.height, self._rows
        while row < rows and len(shown) < height:
            shown += [(row, strip) for strip in self._strips(row)[part:]]
            row, part = row + 1, 0
        return shown[:height]

    def _bottom_line(self) -> int:
        shown = self._on_the_screen()
        return self._line_of(shown[-1][0]) if shown else 0

    def _place(self, top: Top) -> None:
        """Put `top` at the top, or what is nearest to it, and tell the scrollbar. Does not repaint."""
        end = self._end()
        self._top = min(top, end)
        size = Size(self._area.width, end.row + self._area.height)
        if size != self.virtual_size and self.is_attached:
            # Assigning would lay out the whole screen again; only the scrollbar's size is another.
            self.set_reactive(LogView.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = self._area.height
        self._placing = True
        self.scroll_y = self.scroll_target_y = self._top.row
        self._placing = False

    def _go(self, top: Top) -> None:
        """Move by the user's wish: up lets go of the end."""
        if self.follow and top < self._end():
            self._let_go()
        self._place(top)
        self._repaint()

    def _let_go(self) -> None:
        self._rows_seen = self._rows
        self.set_reactive(LogView.follow, False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The scrollbar and the mouse wheel say where to go through this."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing and round(new_value) != self._top.row:
            end = self._end()
            self._go(end if new_value >= end.row else Top(round(new_value), 0))

    def _show(self, line: int) -> None:
        """Mark a line, and bring it on the screen if it is not there."""
        assert self._finder is not None
        self._mark = line
        row = min(self._finder.rows.row_of(line), max(0, self._rows - 1))
        self._painted.clear()
        if row not in {shown for shown, _ in self._on_the_screen()}:
            self._go(viewport.moved(Top(row, 0), -(self._area.height // 3), self._rows, self._height_of))
        self._repaint()

    # Painting

    def _renew(self) -> None:
        """After the file or what is looked for has changed."""
        self._painted.clear()
        self._place(self._end() if self.follow else self._top)
        self._grant()
        self._repaint()

    def _repaint(self) -> None:
        self.refresh()
        self._tell()

    def _tell(self) -> None:
        status = self.status
        if status != self._told and self.is_mounted:
            self._told = status
            self.post_message(self.Changed(self, status))

    def _tell_event(self, text: str) -> None:
        self._event = (text, time.monotonic() + _EVENT_SHOWN)

    def notify_style_update(self) -> None:
        """Colours or the theme have changed."""
        super().notify_style_update()
        self._look = None
        self._painted.clear()

    def on_resize(self) -> None:
        """Lines are cropped and wrapped anew."""
        self._look = None
        self._renew()

    def watch_follow(self, follow: bool) -> None:
        """Taken up again: to the end."""
        if follow:
            self._renew()
        else:
            self._let_go()
            self._tell()

    def watch_wrap(self) -> None:
        """Break lines, or no more."""
        self._look, self._left = None, 0
        self._top = Top(self._top.row, 0)
        self._renew()

    def _strips(self, row: int) -> list[Strip]:
        strips = self._painted.get(row)
        if strips is None:
            assert self._document is not None
            if self._look is None:
                self._look = self._looks()
            line = self._line_of(row)
            if len(self._painted) > _KEPT:
                self._painted.clear()
            strips = self._painted[row] = paint(self._document.line(line), self._look, marked=line == self._mark)
        return strips

    def _looks(self) -> Look:
        return Look(
            width=max(1, self._area.width),
            wrap=self.wrap,
            left=self._left,
            base=self.rich_style,
            hit=self.get_component_rich_style("logview--hit"),
            mark=Style(bgcolor=self.get_component_rich_style("logview--mark").bgcolor),
            search=self._finder.search if self._finder is not None else None,
        )

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible lines."""
        self._visible = [strip for _, strip in self._on_the_screen()]
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Line `y` of the screen."""
        return self._visible[y] if y < len(self._visible) else Strip.blank(self.size.width, self.rich_style)

    # Jumps

    def _wish_for(self, scan: Scan | None, direction: Direction, name: str) -> None:
        if scan is None:
            return
        start = self._mark
        if start is None:
            start = self._line_of(self._top.row) - 1 if direction > 0 else self._bottom_line() + 1
        self._wish = _Wish(scan, direction, start, name)
        self._grant()
        self._poll(seconds=_SLICE)

    def _grant(self) -> None:
        """Jump to where a wish leads, if that is known by now."""
        wish = self._wish
        if wish is None:
            return
        found = seek(wish.scan, wish.direction, wish.line, around=not wish.name)
        if found is Nowhere.NOT_YET:
            return
        self._wish = None
        if isinstance(found, int):
            if not wish.name and (found - wish.line) * wish.direction < 0:
                self._tell_event("search goes on from the " + ("beginning" if wish.direction > 0 else "end"))
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

    def _move(self, by: int) -> None:
        self._go(viewport.moved(self._top, by, self._rows, self._height_of))

    def action_scroll_up(self) -> None:
        """A line of the screen up."""
        self._move(-1)

    def action_scroll_down(self) -> None:
        """A line of the screen down."""
        self._move(1)

    def action_page_up(self) -> None:
        """A page up, one line kept."""
        self._move(1 - max(2, self._area.height))

    def action_page_down(self) -> None:
        """A page down, one line kept."""
        self._move(max(2, self._area.height) - 1)

    def action_scroll_home(self) -> None:
        """To the first line."""
        self._go(Top(0, 0))

    def action_scroll_end(self) -> None:
        """To the end, and stay there."""
        self.action_follow()

    def action_scroll_left(self) -> None:
        """Columns to the left."""
        self._sideways(-_STEP)

    def action_scroll_right(self) -> None:
        """Columns to the right."""
        self._sideways(_STEP)

    def _sideways(self, by: int) -> None:
        if not self.wrap:
            self._left = max(0, self._left + by)
            self._look = None
            self._painted.clear()
            self._repaint()

    def on_click(self, event: events.Click) -> None:
        """Mark the line, or no line if it is marked."""
        shown = self._on_the_screen()
        if 0 <= event.y < len(shown):
            line = self._line_of(shown[event.y][0])
            self._mark = None if line == self._mark else line
            self._painted.clear()
            self._repaint()
