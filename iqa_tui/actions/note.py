"""Notes something on runs, and tags them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_tui.actions.orders import runs_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_train.runs.notes import Notes
    from iqa_tui.actions.orders import NoteOrder
    from iqa_tui.state.board import RunLine


def note(lines: Sequence[RunLine], order: NoteOrder) -> str:
    """Carry `order` out on each of `lines`; returns what was done. Raises UserError."""
    from iqa_train.runs.notes import change_tags, notes_of, set_note

    for line in lines:
        if order.note is not None:
            set_note(line.run, order.note)
        if order.tags is not None:
            change_tags(line.run, order.tags, [tag for tag in notes_of(line.run).tags if tag not in order.tags])
    return f"noted on {runs_words(lines)}"


def common_notes(lines: Sequence[RunLine]) -> Notes | None:
    """The note and tags that these runs have alike; None if they differ, or one has no folder yet."""
    from iqa_train.runs.notes import notes_of

    if not all(line.run.path.is_dir() for line in lines):
        return None
    found = {notes_of(line.run) for line in lines}
    return found.pop() if len(found) == 1 else None
