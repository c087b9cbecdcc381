"""One of several: a line that left and right change."""

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
    """Shows the chosen one of `options`, pairs of a value and its words; the words may be anybody's text."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; background: $boost; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", show=False, id="choice.previous"),
        Binding("right,space", "step(1)", "Next", show=False, id="choice.next"),
    ]

    at: reactive[int] = reactive(0)

    class Changed(Message):
        """Another one is chosen."""

        def __init__(self, choice: Choice[Value]) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, options: Sequence[tuple[Value, str]], *, at: int = 0, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.set_reactive(Choice.at, at)

    @property
    def value(self) -> Value:
        """The chosen one."""
        return self.options[self.at][0]

    def render(self) -> Content:
        """Its words, how many there are, and that there are others."""
        words = Content(plain(self.options[self.at][1]))
        if len(self.options) == 1:
            return Content.assemble("  ", words.truncate(max(self.size.width - 2, 4), ellipsis=True))
        count = f"{self.at + 1}/{len(self.options)}"
        room = self.size.width - len(count) - 6
        return Content.assemble("‹ ", words.truncate(max(room, 4), ellipsis=True), " › ", (count, "dim"))

    def watch_at(self) -> None:
        """Tell."""
        self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        """The next or the previous one, round and round."""
        self.at = (self.at + by) % len(self.options)

    def on_click(self, event: events.Click) -> None:
        """A click is as good as the key."""
        event.stop()
        self.action_step(1)
