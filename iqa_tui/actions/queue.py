"""Pausing the queue and letting it go on."""

from iqa_tui.state.board import Target


def pause(target: Target) -> str:
    """Start nothing more, of any study; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits as orders

    return f"{orders.pause(target.runs_dir)}; p goes on"


def resume(target: Target) -> str:
    """Go on, with a scheduler if one is needed; returns what was done. Raises UserError."""
    from iqa_train.scheduler import queue_edits as orders

    return orders.resume(target.runs_dir)
