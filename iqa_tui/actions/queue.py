"""Changes the queue, and undoes the last change that this console has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqa_train.scheduler.queue_undo import Change
    from iqa_tui.state.board import Target

_POLICIES = {"batches": "one batch after another", "greedy": "a free device takes the next run"}


def pause(target: Target, changes: list[Change]) -> str:
    """Start no more runs, of any study; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return f"{queue_edits.pause(target.runs_dir, changes)}; press p to resume"


def resume(target: Target, changes: list[Change]) -> str:
    """Start runs again, with a new scheduler if needed; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return queue_edits.resume(target.runs_dir, changes)


def move(target: Target, key: str, by: int, changes: list[Change]) -> str:
    """Move a waiting run past its neighbour; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return queue_edits.move_by(key, by, target.runs_dir, changes)


def remove(target: Target, key: str, changes: list[Change]) -> str:
    """Take a run that does not run out of the queue; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return f"{queue_edits.remove([key], target.runs_dir, changes=changes)}; press u to put it back"


def change_policy(target: Target, policy: str, changes: list[Change]) -> str:
    """Place runs by the other policy than `policy`; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    other = next(name for name in _POLICIES if name != policy)
    return f"{queue_edits.set_policy(other, target.runs_dir, changes)}: {_POLICIES[other]}"


def undo(target: Target, changes: list[Change]) -> str:
    """Undo the last change; returns what was done. Raises UserError, and the change stays the last, if it cannot be."""
    from iqa_train.errors import UsageError
    from iqa_train.scheduler import queue_undo

    if not changes:
        raise UsageError("nothing to undo: this console has not changed the queue")
    queue_undo.undo(changes[-1], target.runs_dir)
    return f"undone: {changes.pop().words}"
