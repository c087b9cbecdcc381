"""Stops runs: with a checkpoint, or by killing them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iqa_tui.actions.orders import run_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_train.runs.layout import RunFolder
    from iqa_train.scheduler.overview import Overview, Row
    from iqa_tui.actions.orders import StopOrder
    from iqa_tui.state.board import Target


def stop(target: Target, order: StopOrder, waiting: Callable[[], None] = lambda: None) -> str:
    """Stop the runs of `order` and wait until they have ended; returns a line about each.

    `waiting` is called meanwhile and may raise to give up waiting. Raises UserError if nothing could be stopped.
    """
    from iqa_train.errors import RunError
    from iqa_train.runner.interruption import GRACE
    from iqa_train.runs.state_names import OPEN
    from iqa_train.scheduler.overview import read_overview
    from iqa_train.scheduler.queue import Queue
    from iqa_train.scheduler.stop import stop_rows

    damage = ""
    try:
        overview = read_overview(target.runs_dir)
    except RunError as error:  # running runs can be stopped without the queue
        damage = f"{error}\n"
        overview = read_overview(target.runs_dir, queue=Queue())
    rows = [row for row in _rows(overview, order.keys) if row.state in OPEN]
    if not rows:
        raise RunError(f"{damage}nothing to stop: the selected runs are no longer running or queued")
    stopped = stop_rows(rows, target.runs_dir, GRACE if order.grace is None else order.grace, waiting)
    several = len({row.seed for row, _ in stopped}) > 1
    message = damage + "\n".join(_line_about(row, words, several_seeds=several) for row, words in stopped)
    if any(_alive(row.run) for row, _ in stopped):
        raise RunError(message)
    return message


def seconds_since_stop(run: RunFolder) -> float | None:
    """How long ago a run that is still alive was asked to stop, in seconds; None if it was not."""
    try:
        attempts = run.attempts()
        last = attempts[-1] if attempts else None
        if last is None or last.exit.exists() or not last.stop.exists() or not _alive(run):
            return None
        return max(0.0, time.time() - last.stop.stat().st_mtime)
    except OSError:
        return None


def _rows(overview: Overview, keys: tuple[str, ...]) -> list[Row]:
    return [row for row in overview.rows if str(row.run.path) in keys]


def _alive(run: RunFolder) -> bool:
    from iqa_train.runs.state import run_state

    return run_state(run).alive


def _line_about(row: Row, words: str, *, several_seeds: bool) -> str:
    from iqa_train.runs.metrics import epoch_events
    from iqa_train.runs.state import run_state
    from iqa_train.runs.state_names import WAITING

    name = run_name(row.run, several_seeds=several_seeds)
    state = run_state(row.run)
    if row.state in WAITING and not state.alive and not state.requested:
        return f"{name} {words}"
    if not state.requested:
        return f"{name}: {words}"
    epochs = len(epoch_events(row.run))
    if not epochs:
        return f"{name} was stopped before its first epoch ended; press R to start it again"
    return f"{name} was stopped after epoch {epochs} of {row.progress.epochs}; press R to continue from its checkpoint"
