"""A one-line choice that left and right change."""

from __future__ import annotations

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

Value = TypeVar("Value")


class Choice(Widget, Generic[Value], can_focus=True):
    """Shows the selected one of `options`, pairs of a value and its label; labels may hold any text."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; background: $boost; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
    """
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

    @property
    def value(self) -> Value:
        return self.options[self.at][0]

    def render(self) -> Content:
        """The label, and its position among the options."""
        words = Content(plain(self.options[self.at][1]))
        if len(self.options) == 1:
            return Content.assemble("  ", words.truncate(max(self.size.width - 2, 4), ellipsis=True))
        count = f"{self.at + 1}/{len(self.options)}"
        room = self.size.width - len(count) - 6
        return Content.assemble("‹ ", words.truncate(max(room, 4), ellipsis=True), " › ", (count, "dim"))

    def watch_at(self) -> None:
        self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        """Select the next or previous option, wrapping round."""
        self.at = (self.at + by) % len(self.options)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_step(1)
