"""The part of the log view that lies on the screen: which lines, how they are painted, and moving among them."""

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from iqa_tui.logview import viewport
from iqa_tui.logview.document import Document
from iqa_tui.logview.finder import Finder
from iqa_tui.logview.painter import PaintStyle, paint
from iqa_tui.logview.viewport import ScrollPosition

_STEP = 8  # columns sideways
_KEPT = 512  # rows of which the strips are kept


class ScrollableLog(ScrollView, can_focus=True):
    """Lines of a document from `_top` on. Does not look at the file: a subclass does, and calls `_renew`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"logview--hit", "logview--mark"}
    DEFAULT_CSS = """
    ScrollableLog {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        background: $surface;
        color: $foreground;
        & .logview--hit { background: $warning; color: $background; text-style: bold; }
        & .logview--mark { background: $primary 40%; }
    }
    """

    follow: reactive[bool] = reactive(True, init=False)
    """Whether the view stays at the end as lines come."""
    wrap: reactive[bool] = reactive(False, init=False)
    """Whether long lines are broken; otherwise left and right scroll sideways."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._document: Document | None = None
        self._finder: Finder | None = None
        self._top = ScrollPosition(0, 0)
        self._left = 0
        self._mark: int | None = None
        self._rows_seen = 0
        self._placing = False
        self._painted: dict[int, list[Strip]] = {}
        self._visible: list[Strip] | None = None  # what is to be painted; None: to be found anew
        self._look: PaintStyle | None = None

    # Where it is

    @property
    def _rows(self) -> int:
        return self._finder.rows.count if self._finder is not None else 0

    def _line_of(self, row: int) -> int:
        return self._finder.rows.line_of(row) if self._finder is not None and row < self._rows else 0

    def _height_of(self, row: int) -> int:
        return len(self._strips(row)) if self.wrap else 1

    def _end(self) -> ScrollPosition:
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

    def _place(self, top: ScrollPosition) -> None:
        """Put `top` at the top, or what is nearest to it, and tell the scrollbar. Does not repaint."""
        end = self._end()
        self._top = min(top, end)
        size = Size(self._area.width, end.row + self._area.height)
        if size != self.virtual_size and self.is_attached:
            # Assigning would lay out the whole screen again; only the scrollbar's size is another.
            self.set_reactive(ScrollableLog.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = self._area.height
        self._placing = True
        self.scroll_y = self.scroll_target_y = self._top.row
        self._placing = False

    def _go(self, top: ScrollPosition) -> None:
        """Move by the user's wish: up lets go of the end."""
        if self.follow and top < self._end():
            self._let_go()
        self._place(top)
        self._repaint()

    def _let_go(self) -> None:
        self._rows_seen = self._rows
        self.set_reactive(ScrollableLog.follow, False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The scrollbar and the mouse wheel say where to go through this."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing and round(new_value) != self._top.row:
            end = self._end()
            self._go(end if new_value >= end.row else ScrollPosition(round(new_value), 0))

    def _show(self, line: int) -> None:
        """Mark a line, and bring it on the screen if it is not there."""
        assert self._finder is not None
        self._mark = line
        row = min(self._finder.rows.row_of(line), max(0, self._rows - 1))
        self._painted.clear()
        if row not in {shown for shown, _ in self._on_the_screen()}:
            self._go(viewport.moved(ScrollPosition(row, 0), -(self._area.height // 3), self._rows, self._height_of))
        self._repaint()

    # Painting

    def _renew(self) -> None:
        """After the file or what is looked for has changed."""
        self._look = None
        self._painted.clear()
        self._place(self._end() if self.follow else self._top)
        self._repaint()

    def _repaint(self) -> None:
        """Paint if what is on the screen is another than what was painted last."""
        visible = [strip for _, strip in self._on_the_screen()]
        if visible != self._visible:
            self._visible = visible
            self.refresh()
        self._tell()

    def _tell(self) -> None:
        """Tell the host what has changed."""

    def notify_style_update(self) -> None:
        """Colours or the theme have changed."""
        super().notify_style_update()
        self._look = self._visible = None
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
        self._top = ScrollPosition(self._top.row, 0)
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

    def _looks(self) -> PaintStyle:
        return PaintStyle(
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
        if self._visible is None:
            self._visible = [strip for _, strip in self._on_the_screen()]
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Line `y` of the screen."""
        return (
            self._visible[y]
            if self._visible and y < len(self._visible)
            else Strip.blank(self.size.width, self.rich_style)
        )

    # Moving

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
        self._go(ScrollPosition(0, 0))

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
