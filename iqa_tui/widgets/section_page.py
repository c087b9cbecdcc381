"""A page of sections that scrolls, with keys to move between sections."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from iqa_train.report.sections import Section
from iqa_tui.widgets.section_layout import lay_out


class Page(VerticalScroll, inherit_bindings=False):
    """Shows sections; keeps its position when they change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", show=False, id="page.down", tooltip="One line down"),
        Binding("k,up", "scroll_up", "Up", show=False, id="page.up", tooltip="One line up"),
        Binding("pagedown,space", "page_down", "Page down", show=False, id="page.page-down", tooltip="One page down"),
        Binding("pageup,b", "page_up", "Page up", show=False, id="page.page-up", tooltip="One page up"),
        Binding("g,home", "scroll_home", "Top", show=False, id="page.top", tooltip="Top of the page"),
        Binding("G,end", "scroll_end", "End", show=False, id="page.end", tooltip="End of the page"),
        Binding("]", "section(1)", "Next part", key_display="]", id="page.next", tooltip="Next section"),
        Binding(
            "[", "section(-1)", "Previous part", key_display="[", show=False, id="page.previous",
            tooltip="Previous section",
        ),
    ]  # fmt: skip
    DEFAULT_CSS = """
    Page {
        height: 1fr;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > Static { width: auto; min-width: 100%; height: auto; text-wrap: nowrap; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sections: tuple[Section, ...] = ()
        self._text = Static("", markup=False)
        self._starts: tuple[int, ...] = ()
        self._width = 0

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, sections: Sequence[Section]) -> None:
        """Replace the sections."""
        if tuple(sections) != self._sections:
            self._sections = tuple(sections)
            self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        if self.scrollable_content_region.width != self._width:
            self._lay_out()

    def action_section(self, by: int) -> None:
        """Scroll to the next section that starts below the top of the screen, or the last one above it."""
        here = self.scroll_offset.y
        later = [start for start in self._starts if start > here]
        earlier = [start for start in self._starts if start < here]
        if by > 0 and later:
            self.scroll_to(y=later[0], animate=False)
        elif by < 0:
            self.scroll_to(y=earlier[-1] if earlier else 0, animate=False)

    def _lay_out(self) -> None:
        self._width = self.scrollable_content_region.width
        if self._width:
            layout = lay_out(self._sections, self._width)
            self._starts = layout.starts
            self._text.update(Content("\n").join(layout.lines))
