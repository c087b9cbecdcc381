"""Pauses and resumes the queue."""

from iqa_tui.state.board import Target


def pause(target: Target) -> str:
    """Start no more runs, of any study; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return f"{queue_edits.pause(target.runs_dir)}; press p to resume"


def resume(target: Target) -> str:
    """Start runs again, with a new scheduler if needed; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits

    return queue_edits.resume(target.runs_dir)
