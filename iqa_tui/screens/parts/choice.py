"""A choice that left and right change: a line, which opens into the list of its options while it has the focus."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from iqa_tui.safe import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.geometry import Size

Value = TypeVar("Value")
_MOST_SHOWN = 6  # options in the list


class Choice(Widget, Generic[Value], can_focus=True):
    """Shows the selected one of `options`, pairs of a value and its label; labels may hold any text."""

    DEFAULT_CSS = """
    Choice { height: auto; width: 1fr; background: $boost; }
    Choice > .choice--selected {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--selected"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", show=False, id="choice.previous", tooltip="Previous option"),
        Binding("right,space", "step(1)", "Next", show=False, id="choice.next", tooltip="Next option"),
    ]

    at: reactive[int] = reactive(0)

    class Changed(Message):
        """Another option is selected."""

        def __init__(self, choice: Choice[Value]) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, options: Sequence[tuple[Value, str]], *, at: int = 0, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.set_reactive(Choice.at, at)
        self._is_drawn_open = False
        self._was_open = False  # when the mouse button went down

    @property
    def value(self) -> Value:
        return self.options[self.at][0]

    def render(self) -> Content:
        """The list; without the focus the label, and its position among the options."""
        self._is_drawn_open = self.has_focus
        if self.has_focus:
            style = self.get_visual_style("choice--selected")
            lines = [Content.styled(line, style) if at == self.at else Content(line) for at, line in self._list()]
            return Content("\n").join(lines)
        words = Content(plain(self.options[self.at][1]))
        if len(self.options) == 1:
            return Content.assemble("  ", words.truncate(max(self.size.width - 2, 4), ellipsis=True))
        count = f"{self.at + 1}/{len(self.options)}"
        room = self.size.width - len(count) - 6
        return Content.assemble("‹ ", words.truncate(max(room, 4), ellipsis=True), " › ", (count, "dim"))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the list has while it is open."""
        return len(self._list(width)) if self.has_focus else 1

    def _list(self, width: int = 0) -> list[tuple[int, str]]:
        """The options around the selected one: the number of each, and its lines, padded."""
        width = max(8, width or self.size.width)
        first = max(0, min(self.at - _MOST_SHOWN // 2, len(self.options) - _MOST_SHOWN))
        lines = []
        for at, (_, label) in enumerate(self.options[first : first + _MOST_SHOWN], first):
            mark = "● " if at == self.at else "○ "
            count = f" ({at + 1}/{len(self.options)})" if at == self.at and len(self.options) > _MOST_SHOWN else ""
            wrapped = textwrap.wrap(plain(label) + count, width - 2) or [""]
            lines += [(at, (("  " if n else mark) + words).ljust(width)) for n, words in enumerate(wrapped)]
        return lines

    def on_focus(self) -> None:
        self.refresh(layout=True)

    def on_blur(self) -> None:
        self.refresh(layout=True)

    def watch_at(self) -> None:
        self.refresh(layout=True)
        self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        """Select the next or previous option, wrapping round."""
        self.at = (self.at + by) % len(self.options)

    def on_click(self, event: events.Click) -> None:
        """Open the list, or select the option under the pointer."""
        event.stop()
        lines = self._list()
        if self._was_open and 0 <= event.y < len(lines):
            self.at = lines[event.y][0]

    def on_mouse_down(self) -> None:
        self._was_open = self._is_drawn_open
