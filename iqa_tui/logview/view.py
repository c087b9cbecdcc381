"""The log widget: shows a file from its end, follows it, and handles scrolling, search and filter."""

import asyncio
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import WorkType

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import Document
from iqa_tui.logview.finder import Finder, NoHit, PendingJump
from iqa_tui.logview.landmarks import PROBLEM, RESULT, Landmark
from iqa_tui.logview.scan import Direction, Scan
from iqa_tui.logview.status import LogStatus
from iqa_tui.logview.strips import PaintStyle
from iqa_tui.logview.viewport import ScrollPosition, Viewport

POLL = 0.25  # seconds between two checks of the file, and so between two repaints
_SLICE = 0.005  # seconds of counting or searching between two turns of the event loop
_AT_OPEN = 0.01  # seconds of counting before the first paint
_EVENT_SHOWN = 10.0  # seconds for which a note stays in the status line
_STEP = 8  # columns sideways

_SCROLLING = [
    ("up,k", "scroll_up", "Line up", "up"),
    ("down,j", "scroll_down", "Line down", "down"),
    ("pageup", "page_up", "Page up", "page_up"),
    ("pagedown", "page_down", "Page down", "page_down"),
    ("home,g", "scroll_home", "First line", "first"),
    ("left", "scroll_left", "Columns left", "left"),
    ("right", "scroll_right", "Columns right", "right"),
]

_KEYS: list[Binding] = [
    Binding("slash", "ask('search')", "Search", id="log.search", tooltip="Search for a text or pattern"),
    Binding("n", "find(1)", "Next", show=False, id="log.next", tooltip="Next hit"),
    Binding("N", "find(-1)", "Previous", show=False, id="log.previous", tooltip="Previous hit"),
    Binding("ampersand", "ask('filter')", "Filter", id="log.filter", tooltip="Show only lines with a text or pattern"),
    Binding("colon", "ask('goto')", "Go to", show=False, id="log.goto", tooltip="Go to a line by number"),
    Binding("f", "follow", "Follow", id="log.follow", tooltip="Follow the end of the log"),
    Binding("end,G", "follow", "End", show=False, id="log.end", tooltip="Go to the end and follow it"),
    Binding("w", "wrap", "Wrap", id="log.wrap", tooltip="Wrap long lines, or scroll sideways"),
    Binding("y", "copy", "Copy", show=False, id="log.copy", tooltip="Copy the marked line, or all visible lines"),
    Binding("right_curly_bracket", "result(1)", "Result", id="log.next_result", tooltip="Next epoch result"),
    Binding("left_curly_bracket", "result(-1)", show=False, id="log.previous_result", tooltip="Previous epoch result"),
    Binding("right_parenthesis", "problem(1)", "Problem", id="log.next_trouble", tooltip="Next warning or error"),
    Binding(
        "left_parenthesis", "problem(-1)", show=False, id="log.previous_trouble", tooltip="Previous warning or error"
    ),
    *(
        Binding(key, action, words, show=False, id=f"log.{name}", tooltip=words)
        for key, action, words, name in _SCROLLING
    ),
]


def _beyond(edge: int, direction: Direction) -> int:
    return edge - 1 if direction > 0 else edge


class LogView(ScrollView, can_focus=True):
    """A log file, shown from its end. Polls the file only while it is visible.

    Only visible lines are read and decoded; memory grows by eight bytes for each 64 KB of the file and for each hit of
    a search or filter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*_KEYS]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "logview--hit", "logview--mark", "logview--warning", "logview--error",
    }  # fmt: skip
    DEFAULT_CSS = """
    LogView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        background: $surface;
        color: $foreground;
        & .logview--hit { background: $warning; color: $background; text-style: bold; }
        & .logview--mark { background: $primary 40%; }
        & .logview--warning { color: $text-warning; }
        & .logview--error { color: $text-error; }
    }
    """

    follow: reactive[bool] = reactive(True, init=False)
    """Whether the view stays at the end as the file grows."""
    wrap: reactive[bool] = reactive(False, init=False)
    """Whether long lines are wrapped; otherwise left and right scroll sideways."""

    @dataclass
    class Changed(Message):
        """The status has changed; sent at most once per poll, and on user actions."""

        view: "LogView"
        status: LogStatus

        @property
        def control(self) -> "LogView":
            return self.view

    @dataclass
    class PromptRequested(Message):
        """The user wants to enter a search, a filter or a line number."""

        view: "LogView"
        kind: str  # "search", "filter" or "goto"

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._viewport = Viewport(lambda: self.scrollable_content_region.size, self._paint_style)
        self._left = 0  # first column shown, if lines are not wrapped
        self._lines_seen = 0  # when following stopped
        self._put_before = 0  # rows put before those shown, by the filter
        self._placing = False
        self._visible: list[Strip] | None = None  # the strips to paint; None: compute them
        self._jump: PendingJump | None = None
        self._generation = self._moved = 0  # of the document, when positions were last adjusted
        self._event = ("", 0.0)  # a note, and until when it is shown
        self._last_status: LogStatus | None = None
        self._on_screen = False
        self._renewed = 0.0  # time of the last repaint
        self._stale = False  # whether the file has changed since then

    @property
    def _finder(self) -> Finder | None:
        return self._viewport.finder

    @property
    def _document(self) -> Document | None:
        return self._viewport.finder.document if self._viewport.finder is not None else None

    # For the host

    def open(self, path: Path | None) -> None:
        """Show another file, from its end, with the same search and filter. None: show nothing."""
        search, filter_text = self.search_text, self.filter_text
        if self._document is not None:
            self._document.source.close()
        finder = self._viewport.finder = Finder(Document(path)) if path is not None else None
        self._viewport.mark, self._left, self._jump, self._event = None, 0, None, ("", 0.0)
        self._generation = self._moved = self._put_before = 0
        self.set_reactive(LogView.follow, True)
        if finder is not None:
            finder.filter_by(filter_text)
            finder.search_for(search)
        self._poll(seconds=_AT_OPEN)
        self._renew()

    def close(self) -> None:
        """Close the file."""
        self.open(None)

    @property
    def path(self) -> Path | None:
        """The file shown."""
        return self._document.source.path if self._document is not None else None

    @property
    def search_text(self) -> str:
        """The text of the search, or empty."""
        return self._finder.search.text if self._finder is not None and self._finder.search is not None else ""

    @property
    def filter_text(self) -> str:
        """The text of the filter, or empty."""
        return self._finder.filter.text if self._finder is not None and self._finder.filter is not None else ""

    def search(self, text: str) -> None:
        """Highlight hits of `text`, a pattern if it is a valid one, and go to the nearest; if empty, end the search."""
        finder = self._finder
        if finder is None:
            return
        self._viewport.mark = self._jump = None
        direction: Direction = -1 if self.follow else 1
        line = self._edge(1)
        if self.follow:
            finder.search_for(text)
        else:
            finder.search_for(text, line, 1)
        self._set_event((finder.search and finder.search.note) or "")
        if finder.hits is not None:
            self._jump = PendingJump(finder.hits, direction, sys.maxsize if self.follow else line - 1)
        self._scan_and_renew()

    def filter(self, text: str) -> None:
        """Show only lines that match `text`, including new ones. Empty: show all."""
        finder, viewport = self._finder, self._viewport
        if finder is None:
            return
        line = viewport.mark if viewport.mark is not None else viewport.line_of(viewport.top.row)
        self._jump = None
        if self.follow:
            finder.filter_by(text)
        else:
            finder.filter_by(text, line, 1)
        self._put_before = 0
        self._set_event((finder.filter and finder.filter.note) or "")
        viewport.top = ScrollPosition(viewport.row_of(line), 0)
        self._scan_and_renew()

    def goto(self, line: int) -> None:
        """Mark line `line`, from 1, and scroll to it; a number out of range is clipped."""
        if self._document is not None and self._document.lines:
            self._show(min(max(line, 1), self._document.lines) - 1)

    def visible_text(self) -> str:
        """The text of the visible lines."""
        if self._document is None:
            return ""
        return "\n".join(text_of(self._document.line(line).data) for line in self._viewport.visible_lines())

    @property
    def status(self) -> LogStatus:
        """The current status."""
        finder, viewport = self._finder, self._viewport
        if finder is None:
            return LogStatus(there=False, follow=self.follow, wrap=self.wrap)
        document, hits = finder.document, finder.hits
        note, until = self._event
        unfinished = finder.unfinished
        return LogStatus(
            lines=document.lines,
            exact=document.exact,
            line=self._line_number(),
            follow=self.follow,
            below=0 if self.follow else max(0, viewport.rows - finder.rows.row_of(self._lines_seen)),
            search=self.search_text,
            position=hits.position(viewport.mark) if hits is not None and viewport.mark is not None else 0,
            hits=len(hits.hits) if hits is not None else 0,
            searching=hits is not None and not hits.complete,
            scanned=min(scan.share for scan in unfinished) if unfinished and document.lines else None,
            filter=self.filter_text,
            filtering=finder.rows.filtered is not None and not finder.rows.filtered.complete,
            shown=viewport.rows if finder.filter is not None else 0,
            wrap=self.wrap,
            note=document.source.problem or (note if time.monotonic() < until else ""),
        )

    def _line_number(self) -> int:
        """The number, from 1, of the marked line if it is visible, otherwise of the last visible one."""
        lines = self._viewport.visible_lines()
        mark = self._viewport.mark
        return (mark if mark is not None and mark in lines else lines[-1]) + 1 if lines else 0

    def _notify_host(self) -> None:
        """Send the status if it has changed."""
        status = self.status
        if status != self._last_status and self.is_mounted:
            self._last_status = status
            self.post_message(self.Changed(self, status))

    def _set_event(self, text: str) -> None:
        """Show a note in the status line for a while."""
        self._event = (text, time.monotonic() + _EVENT_SHOWN)

    # Polling the file

    def on_mount(self) -> None:
        self.set_interval(POLL, self._tick)

    def on_unmount(self) -> None:
        if self._document is not None:
            self._document.source.close()

    def on_show(self) -> None:
        """Catch up at once."""
        self._on_screen = True
        self._poll(seconds=_AT_OPEN)
        self._renew()

    def on_hide(self) -> None:
        self._on_screen = False

    def _tick(self) -> None:
        if self._on_screen and self.screen.is_current:
            self._poll(seconds=_SLICE)

    def _poll(self, seconds: float) -> None:
        finder = self._finder
        changed = busy = False
        if finder is not None:
            document = finder.document
            changed = document.poll()
            if document.source.event is not None:
                self._set_event(document.source.event)
            busy = document.work(seconds)
            busy = finder.work(_SLICE) or busy or not document.exact
            if busy and self.is_mounted:
                self.run_worker(cast(WorkType[None], partial(self._work_on, finder)), group="log", exclusive=True)
            self._adapt(document)
        if changed or finder is None or self._stale:
            self._renew_when_due()
        elif busy or (self._last_status is not None and self._last_status.note):  # an idle log is only polled
            self._notify_host()

    async def _work_on(self, finder: Finder) -> None:
        """Count and search in slices, so that the event loop runs in between."""
        document = finder.document
        searches = bool(finder.unfinished)
        while finder is self._finder and (document.work(_SLICE) | finder.work(_SLICE)):
            self._adapt(document)
            self._renew_when_due()
            self._try_jump()
            await asyncio.sleep(0)
        if finder is self._finder:
            self._adapt(document)
            self._renew_when_due()
            if searches and self._stale:  # the user is waiting for what is found
                self._renew()

    def _adapt(self, document: Document) -> None:
        """Adjust positions if the document has restarted, or if lines were put before those shown."""
        viewport = self._viewport
        if document.generation != self._generation:
            self._generation, self._moved = document.generation, 0
            viewport.top, viewport.mark, self._lines_seen = ScrollPosition(0, 0), None, 0
            self._put_before = 0
        by = document.moved - self._moved
        if by:
            self._moved = document.moved
            viewport.mark = None if viewport.mark is None else viewport.mark + by
            self._lines_seen += by
            if not self.filter_text:
                viewport.top = ScrollPosition(viewport.top.row + by, viewport.top.part)
            self._renew()
        filtered = self._finder.rows.filtered if self._finder is not None else None
        if filtered is not None and filtered.put_before != self._put_before:
            viewport.top = ScrollPosition(viewport.top.row + filtered.put_before - self._put_before, viewport.top.part)
            self._put_before = filtered.put_before
            viewport.repaint()

    def _scan_and_renew(self) -> None:
        self._poll(seconds=_SLICE)
        self._renew()

    def _renew_when_due(self) -> None:
        """Repaint at most once per poll, however fast the file grows."""
        self._stale = time.monotonic() - self._renewed < 0.9 * POLL
        if not self._stale:
            self._renew()

    def _renew(self) -> None:
        """Repaint after the file, the search or the filter has changed."""
        self._renewed = time.monotonic()
        self._viewport.repaint(restyle=True)
        self._place(self._viewport.end if self.follow else self._viewport.top)
        self._refresh_strips()
        self._try_jump()

    # Painting

    def _paint_style(self) -> PaintStyle:
        return PaintStyle(
            width=max(1, self.scrollable_content_region.width),
            wrap=self.wrap,
            left=self._left,
            base=self.rich_style,
            hit=self.get_component_rich_style("logview--hit"),
            mark=Style(bgcolor=self.get_component_rich_style("logview--mark").bgcolor),
            search=self._finder.search if self._finder is not None else None,
            result=Style(bold=True),
            warning=self._foreground("logview--warning"),
            error=self._foreground("logview--error") + Style(bold=True),
        )

    def _foreground(self, component: str) -> Style:
        return Style(color=self.get_component_rich_style(component).color)

    def _refresh_strips(self) -> None:
        """Repaint if the visible strips have changed."""
        visible = [strip for _, strip in self._viewport.visible()]
        if visible != self._visible:
            self._visible = visible
            self.refresh()
        self._notify_host()

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._visible is None:
            self._visible = [strip for _, strip in self._viewport.visible()]
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if self._visible and y < len(self._visible):
            return self._visible[y]
        return Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._visible = None
        self._viewport.repaint(restyle=True)

    def on_resize(self) -> None:
        self._renew()

    def watch_wrap(self) -> None:
        self._left = 0
        self._viewport.repaint(restyle=True)
        self._viewport.top = ScrollPosition(self._viewport.top.row, 0)
        self._renew()

    def watch_follow(self, follow: bool) -> None:
        if follow:
            self._renew()
        else:
            self._stop_following()
            self._notify_host()

    # Scrolling

    def _place(self, top: ScrollPosition) -> None:
        """Scroll to `top`, or as near as possible, and update the scrollbar. Does not repaint."""
        end, area = self._viewport.end, self._viewport.size
        self._viewport.top = min(top, end)
        size = Size(area.width, end.row + area.height)
        if size != self.virtual_size and self.is_attached:
            # Assigning would lay out the whole screen again; only the scrollbar's size has changed.
            self.set_reactive(LogView.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = area.height
        self._placing = True
        self.scroll_y = self.scroll_target_y = self._viewport.top.row
        self._placing = False

    def _scroll(self, top: ScrollPosition) -> None:
        """Scroll on the user's request; scrolling up stops following."""
        if self.follow and top < self._viewport.end:
            self._stop_following()
        self._place(top)
        self._refresh_strips()

    def _stop_following(self) -> None:
        self._lines_seen = self._document.lines if self._document is not None else 0
        self.set_reactive(LogView.follow, False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The scrollbar and the mouse wheel scroll by setting `scroll_y`."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing and round(new_value) != self._viewport.top.row:
            end = self._viewport.end
            self._scroll(end if new_value >= end.row else ScrollPosition(round(new_value), 0))

    def _show(self, line: int) -> None:
        """Mark a line, and scroll to it if it is not visible."""
        viewport = self._viewport
        viewport.mark = line
        row = viewport.row_of(line)
        viewport.repaint()
        if row not in {visible for visible, _ in viewport.visible()}:
            self._scroll(viewport.moved(ScrollPosition(row, 0), -(viewport.size.height // 3)))
        self._refresh_strips()

    def _scroll_by(self, lines: int) -> None:
        self._scroll(self._viewport.moved(self._viewport.top, lines))

    def action_scroll_up(self) -> None:
        self._scroll_by(-1)

    def action_scroll_down(self) -> None:
        self._scroll_by(1)

    def action_page_up(self) -> None:
        """A page up, keeping one line."""
        self._scroll_by(1 - max(2, self._viewport.size.height))

    def action_page_down(self) -> None:
        """A page down, keeping one line."""
        self._scroll_by(max(2, self._viewport.size.height) - 1)

    def action_scroll_home(self) -> None:
        self._scroll(ScrollPosition(0, 0))

    def action_scroll_end(self) -> None:
        self.action_follow()

    def action_follow(self) -> None:
        """Go to the end and follow it."""
        self.set_reactive(LogView.follow, True)
        self._renew()

    def action_scroll_left(self) -> None:
        self._scroll_sideways(-_STEP)

    def action_scroll_right(self) -> None:
        self._scroll_sideways(_STEP)

    def _scroll_sideways(self, columns: int) -> None:
        if not self.wrap:
            self._left = max(0, self._left + columns)
            self._viewport.repaint(restyle=True)
            self._refresh_strips()

    def action_wrap(self) -> None:
        self.wrap = not self.wrap

    # Jumping, marking, copying

    def action_ask(self, kind: str) -> None:
        """Let the host prompt for text."""
        self.post_message(self.PromptRequested(self, kind))

    def action_find(self, direction: Direction) -> None:
        """Go to the next or previous hit of the search."""
        if self._finder is not None and self._finder.hits is not None:
            self._request_jump(self._finder.hits, direction)

    def action_result(self, direction: Direction) -> None:
        """Go to the next or previous epoch result."""
        self._request_landmark(RESULT, direction)

    def action_problem(self, direction: Direction) -> None:
        """Go to the next or previous warning or error."""
        self._request_landmark(PROBLEM, direction)

    def _request_landmark(self, kind: Landmark, direction: Direction) -> None:
        if self._finder is not None:
            line = self._origin(direction)
            scan = self._finder.landmarks(kind, line if direction < 0 else line + 1, direction)
            self._request_jump(scan, direction, kind.name)

    def _request_jump(self, scan: Scan, direction: Direction, landmark: str = "") -> None:
        scan.direction = direction  # what the user waits for comes first
        self._jump = PendingJump(scan, direction, self._origin(direction), landmark)
        self._scan_and_renew()

    def _origin(self, direction: Direction) -> int:
        """The line that a jump starts from: the marked one if it is visible, else one just off the screen."""
        mark = self._viewport.visible_mark
        return mark if mark is not None else _beyond(self._edge(direction), direction)

    def _edge(self, direction: Direction) -> int:
        """Where the lines begin that a jump from the edge of the screen may hit: the first visible line, or the end."""
        lines = self._viewport.visible_lines() or [0]
        return self._viewport.line_of(self._viewport.top.row) if direction > 0 else lines[-1] + 1

    def _try_jump(self) -> None:
        """Carry out the pending jump, if its target is known by now."""
        jump = self._jump
        if jump is None:
            return
        target = jump.target()
        if target is NoHit.NOT_YET:
            return
        self._jump = None
        if isinstance(target, int):
            if not jump.landmark and (target - jump.line) * jump.direction < 0:
                self._set_event("search wrapped")
            self._show(target)
        elif jump.landmark:
            self._set_event(f"no {jump.landmark} {'after' if jump.direction > 0 else 'before'} this line")
            self._notify_host()

    def on_click(self, event: events.Click) -> None:
        """Mark the line, or unmark it."""
        visible = self._viewport.visible()
        if 0 <= event.y < len(visible):
            line = self._viewport.line_of(visible[event.y][0])
            self._viewport.mark = None if line == self._viewport.mark else line
            self._viewport.repaint()
            self._refresh_strips()

    def action_copy(self) -> None:
        """Copy the marked line if it is visible, otherwise all visible lines."""
        if self._document is None:
            return
        mark = self._viewport.visible_mark
        if mark is not None:
            self.app.copy_to_clipboard(text_of(self._document.line(mark).data))
            self._set_event("copied the line")
        else:
            self.app.copy_to_clipboard(self.visible_text())
            self._set_event(f"copied {len(self._viewport.visible_lines())} lines")
        self._notify_host()
