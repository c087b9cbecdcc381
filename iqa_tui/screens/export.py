"""The export dialog: format and path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets import Input

from iqa_tui.actions.export import REPORT, default_path, path_problem
from iqa_tui.actions.orders import ExportOrder, Form
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

    from iqa_tui.state.board import Board

_TRACKER = Path("EXPERIMENTS_LOG_TRACKER.md")
_FORMS: tuple[tuple[Form, str], ...] = (
    ("markdown", "Markdown: a table for notes and pull requests"),
    ("csv", "CSV: all values, for programs"),
    ("latex", "LaTeX: a table with booktabs, for papers"),
    ("report", "report: a folder with a page, figures and all tables"),
)


class ExportScreen(Dialog[ExportOrder]):
    """Returns an ExportOrder. An existing file is replaced only after a second Enter."""

    TITLE_WORDS = "Export the results"
    DOES = "Write"
    KEYS = "↑↓ field  ←→ change"

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self._to_replace: Path | None = None  # the path whose replacement was confirmed

    def parts(self) -> Iterable[Widget]:
        yield field("Format", Choice(_FORMS, id="form"))
        yield field("To", Input(str(default_path(self.board.study, "markdown")), id="path", compact=True))
        tracker = [(_TRACKER, f"{_TRACKER} is updated, too"), (None, "leave unchanged")]
        yield field("Tracker", Choice(tracker, id="tracker"))

    def on_mount(self) -> None:
        super().on_mount()
        self._arrange()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        """A new format changes the default path, unless another was typed."""
        message.stop()
        if message.choice.id == "form":
            entry = self.query_one("#path", Input)
            defaults = {str(default_path(self.board.study, form)) for form, _ in _FORMS}
            if entry.value in defaults:
                entry.value = str(default_path(self.board.study, self._form))
            self._arrange()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another path clears the complaint about the previous one."""
        event.stop()
        self._to_replace = None
        self.complain("")

    def action_accept(self) -> None:
        form = self._form
        text = self.query_one("#path", Input).value.strip()
        if not text:
            self.complain("give a name for the file or the folder")
            return
        path = Path(text)
        order = ExportOrder(form, path, self._to_replace == path, self._tracker() if form == REPORT else None)
        problem = path_problem(order)
        if problem:
            self.complain(problem)
        elif form != REPORT and path.expanduser().exists() and not order.replace:
            self._to_replace = path
            self.complain(f"{path} already exists; press enter again to replace it")
        else:
            self.dismiss(order)

    @property
    def _form(self) -> Form:
        form: Form = self.query_one("#form", Choice).value
        return form

    def _tracker(self) -> Path | None:
        tracker: Path | None = self.query_one("#tracker", Choice).value
        return tracker

    def _arrange(self) -> None:
        tracker_field = self.query_one("#tracker", Choice).parent
        assert tracker_field is not None
        tracker_field.display = self._form == REPORT
        self._to_replace = None
        self.complain("")
