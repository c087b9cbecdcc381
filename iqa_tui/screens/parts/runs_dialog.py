"""A dialog about several runs: one choice of how, and a line for each run that says what that does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, Result, field, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget


class RunsDialog(Dialog[Result]):
    """A screen of it says which ways there are, and what the chosen one does to each run."""

    KEYS = "←→ change  pgdn more"

    def ways(self) -> Sequence[tuple[bool, str]]:
        """The ways to choose from, the usual one first."""
        raise NotImplementedError

    def about_runs(self, way: bool) -> Iterable[Content]:
        """A line for each run."""
        raise NotImplementedError

    @property
    def way(self) -> bool:
        """The chosen one."""
        chosen: bool = self.query_one("#how", Choice).value
        return chosen

    def parts(self) -> Iterable[Widget]:
        yield field("How", Choice(self.ways(), id="how"))
        yield Static(id="planned", classes="part", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._show()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        message.stop()
        self._show()

    def _show(self) -> None:
        put(self.query_one("#planned", Static), Content("\n").join(self.about_runs(self.way)))
