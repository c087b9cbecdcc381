"""In which form results are to be written, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets import Input

from iqa_tui.actions.export import REPORT, default_path, trouble_with
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
    ("csv", "CSV: every figure, for programs"),
    ("latex", "LaTeX: a table with booktabs, for papers"),
    ("report", "report: a page with figures and all tables, in a folder"),
)


class ExportScreen(Dialog[ExportOrder]):
    """Returns an ExportOrder. What is there already is replaced only after a second Enter."""

    TITLE_WORDS = "Export the results"
    DOES = "Write"
    KEYS = "↑↓ field  ←→ change"

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self._agreed: Path | None = None  # to be replaced

    def parts(self) -> Iterable[Widget]:
        """Form and place; with a report, whether the tracker is brought up to date."""
        yield field("Form", Choice(_FORMS, id="form"))
        yield field("To", Input(str(default_path(self.board.study, "markdown")), id="path", compact=True))
        tracker = [(_TRACKER, f"{_TRACKER} is brought up to date"), (None, "is left alone")]
        yield field("Tracker", Choice(tracker, id="tracker"))

    def on_mount(self) -> None:
        """The tracker goes with the report alone."""
        super().on_mount()
        self._arrange()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        """Another form has another place, unless one has been typed."""
        message.stop()
        if message.choice.id == "form":
            entry = self.query_one("#path", Input)
            usual = {str(default_path(self.board.study, form)) for form, _ in _FORMS}
            if entry.value in usual:
                entry.value = str(default_path(self.board.study, self._form))
            self._arrange()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was said of the place before does not hold."""
        event.stop()
        self._agreed = None
        self.complain("")

    def action_accept(self) -> None:
        """Enter."""
        form = self._form
        text = self.query_one("#path", Input).value.strip()
        if not text:
            self.complain("give a name for the file or the folder")
            return
        path = Path(text)
        order = ExportOrder(form, path, self._agreed == path, self._tracker() if form == REPORT else None)
        trouble = trouble_with(order)
        if trouble:
            self.complain(trouble)
        elif form != REPORT and path.expanduser().exists() and not order.replace:
            self._agreed = path
            self.complain(f"{path} is there already; enter again replaces it")
        else:
            self.dismiss(order)

    @property
    def _form(self) -> Form:
        form: Form = self.query_one("#form", Choice).value
        return form

    def _tracker(self) -> Path | None:
        chosen: Path | None = self.query_one("#tracker", Choice).value
        return chosen

    def _arrange(self) -> None:
        line = self.query_one("#tracker", Choice).parent
        assert line is not None
        line.display = self._form == REPORT
        self._agreed = None
        self.complain("")
