"""The filter of the table of runs: a line below it, while one is typed or in effect."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from iqa_tui.safe import content


class RunFilter(Horizontal):
    """Hidden without a filter. What is typed holds at once; Enter keeps it, Escape ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "All runs", id="runs.leave-filter", tooltip="Show all runs again")
    ]
    DEFAULT_CSS = """
    RunFilter {
        height: 1;
        display: none;
        & #runs-sign { width: 3; padding: 0 0 0 1; color: $accent; text-style: bold; }
        & #runs-left { width: auto; padding: 0 1; color: $text-muted; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        & Input:focus { border: none; }
    }
    """

    class Changed(Message):
        """Other words are typed."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """The table is to have the focus again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._input = Input(compact=True, placeholder="name, title, state, seed, device")
        self._left = Static(id="runs-left", markup=False)

    def compose(self) -> ComposeResult:
        yield Static("/", id="runs-sign", markup=False)
        yield self._input
        yield self._left

    def ask(self) -> None:
        """Appear, with the words in effect."""
        self.display = True
        self._input.can_focus = True
        self.screen.set_focus(self._input)  # at once, so that the next keys are not taken for actions

    def show(self, words: str, shown: int, of: int) -> None:
        """How many lines the words leave; hides if there are none."""
        if words != self._input.value:
            with self._input.prevent(Input.Changed):
                self._input.value = words
        self.display = bool(words) or self._input.has_focus
        self._left.update(content(f"{shown} of {of} shown" if words else ""))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def action_leave(self) -> None:
        self._input.value = ""
        self.post_message(self.Changed(""))
        self._leave()

    def _leave(self) -> None:
        self._input.can_focus = False  # tab goes from pane to pane
        self.post_message(self.Left())
