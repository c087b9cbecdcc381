"""The line at the bottom where one types what to search for."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from iqa_tui import safe

_SIGNS = {"search": "/", "filter": "&", "goto": ":"}
_HINTS = {
    "search": "text or pattern; capitals count if there are any",
    "filter": "show only the lines with this text or pattern",
    "goto": "number of a line",
}


class Prompt(Horizontal):
    """Hidden until `ask`; Enter answers, Escape leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="log.leave_prompt", tooltip="Back to the log, nothing changed")
    ]
    DEFAULT_CSS = """
    Prompt {
        height: 1;
        display: none;
        & #log-sign { width: 2; color: $accent; text-style: bold; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        & Input:focus { border: none; }
    }
    """

    @dataclass
    class Answered(Message):
        """Enter: what was asked, and the text."""

        what: str
        text: str

    @dataclass
    class Left(Message):
        """Escape, or the focus has gone elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._what = "search"
        self._sign = Static("/", id="log-sign", markup=False)
        self._input = Input(compact=True)

    def compose(self) -> ComposeResult:
        """Sign and input."""
        yield self._sign
        yield self._input

    def ask(self, what: str, now: str) -> None:
        """Appear. `now` is what holds now, and ends when nothing is typed."""
        self._what = what
        self._sign.update(_SIGNS[what])
        self._input.placeholder = safe.plain(f"now {now}; Enter alone ends it") if now else _HINTS[what]
        self._input.value = ""
        self._input.restrict = r"[0-9]*" if what == "goto" else None
        self.display = True
        self.screen.set_focus(self._input)  # at once: what is typed next is for it, and not for the keys that act

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer."""
        event.stop()
        self.display = False
        self.post_message(self.Answered(self._what, event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nobody else's business."""
        event.stop()

    def action_leave(self) -> None:
        """Nothing changes."""
        self.display = False
        self.post_message(self.Left())
