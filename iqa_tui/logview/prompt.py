"""The prompt at the bottom of a log: search text, filter or line number."""

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
    "search": "text or pattern; case-sensitive if it has a capital",
    "filter": "show only lines with this text or pattern",
    "goto": "line number",
}


class Prompt(Horizontal):
    """Hidden until `ask`; Enter submits, Escape cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="log.leave_prompt", tooltip="Back to the log, changing nothing")
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
    class Submitted(Message):
        """Enter was pressed."""

        kind: str  # "search", "filter" or "goto"
        text: str

    @dataclass
    class Cancelled(Message):
        """Escape was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self._kind = "search"
        self._sign = Static("/", id="log-sign", markup=False)
        self._input = Input(compact=True)

    def compose(self) -> ComposeResult:
        yield self._sign
        yield self._input

    def ask(self, kind: str, current: str) -> None:
        """Appear. `current` is the text in effect; submitting nothing ends it."""
        self._kind = kind
        self._sign.update(_SIGNS[kind])
        self._input.placeholder = safe.plain(f"now {current}; Enter alone ends it") if current else _HINTS[kind]
        self._input.value = ""
        self._input.restrict = r"[0-9]*" if kind == "goto" else None
        self.display = True
        self.screen.set_focus(self._input)  # at once, so that the next keys are not taken for actions

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self.post_message(self.Submitted(self._kind, event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def action_cancel(self) -> None:
        self.display = False
        self.post_message(self.Cancelled())
