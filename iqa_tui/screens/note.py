"""The dialog for a note and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input, Static

from iqa_train.errors import UserError
from iqa_tui.actions.note import common_notes
from iqa_tui.actions.orders import NoteOrder, runs_words
from iqa_tui.screens.parts.dialog import Dialog, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.state.board import RunLine


class NoteScreen(Dialog[NoteOrder]):
    """Returns a NoteOrder: what was changed of the note and the tags of `lines`, and nothing of what was left alone."""

    DOES = "Save"
    KEYS = "↑↓ field"

    def __init__(self, lines: Sequence[RunLine]) -> None:
        super().__init__()
        self.TITLE_WORDS = f"Note on {runs_words(lines)}"
        found = common_notes(lines)
        self._differ = found is None
        self._note = found.note if found else ""
        self._tags = " ".join(found.tags) if found else ""

    def parts(self) -> Iterable[Widget]:
        unchanged = "as it is on each" if self._differ else ""
        yield field("Note", Input(self._note, id="note", compact=True, placeholder=unchanged))
        yield field("Tags", Input(self._tags, id="tags", compact=True, placeholder=unchanged or "words: final"))
        yield Static("Kept in the folder of the run; shown in results and reports.", classes="part", markup=False)

    def action_accept(self) -> None:
        """Dismiss with what was changed, or complain of what cannot be a tag."""
        from iqa_train.runs.notes import require_tag

        note, tags = self.query_one("#note", Input).value, self.query_one("#tags", Input).value
        words = tuple(dict.fromkeys(tags.replace(",", " ").split()))
        try:
            for word in words:
                require_tag(word)
        except UserError as error:
            self.complain(str(error))
            return
        order = NoteOrder(note if note != self._note else None, words if tags != self._tags else None)
        self.dismiss(order if order != NoteOrder() else None)
