"""Stopping runs: with a checkpoint, and if that takes too long, at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iqa_tui.actions.words import run_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_train.runs.layout import RunFolder
    from iqa_train.scheduler.overview import Overview, Row
    from iqa_tui.actions.orders import StopOrder
    from iqa_tui.state.board import Target


def stop(target: Target, order: StopOrder, waiting: Callable[[], None] = lambda: None) -> str:
    """Stop the runs of `order` and wait for their ends; returns what came of each, a line each.

    `waiting` is called meanwhile and may raise to wait no more. Raises UserError where nothing could be stopped.
    """
    from iqa_train.errors import RunError
    from iqa_train.runner.runner import GRACE
    from iqa_train.runs.state_names import OPEN
    from iqa_train.scheduler.overview import read_overview
    from iqa_train.scheduler.queue import Queue
    from iqa_train.scheduler.stop import stop_rows

    damage = ""
    try:
        overview = read_overview(target.runs_dir)
    except RunError as error:  # without the queue, what runs can still be stopped
        damage = f"{error}\n"
        overview = read_overview(target.runs_dir, queue=Queue())
    rows = [row for row in _rows(overview, order.keys) if row.state in OPEN]
    if not rows:
        raise RunError(f"{damage}nothing to stop: what was chosen neither runs nor waits any more")
    done = stop_rows(rows, target.runs_dir, GRACE if order.grace is None else order.grace, waiting)
    several = len({row.seed for row, _ in done}) > 1
    message = damage + "\n".join(_line_about(row, words, several_seeds=several) for row, words in done)
    if any(_alive(row.run) for row, _ in done):
        raise RunError(message)
    return message


def asked_since(run: RunFolder) -> float | None:
    """For how many seconds a run that is alive has been asked to end, by whomever; None if it has not."""
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

    name = run_name(row.experiment, row.seed, several_seeds=several_seeds)
    state = run_state(row.run)
    if row.state == "queued" and not state.alive and not state.requested:
        return f"{name} {words}"
    if not state.requested:
        return f"{name}: {words}"
    epochs = len(epoch_events(row.run))
    if not epochs:
        return f"{name} is stopped before its first epoch was done; R starts it again"
    return f"{name} is stopped after epoch {epochs} of {row.progress.epochs}; R goes on from its checkpoint"
