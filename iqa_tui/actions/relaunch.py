"""A new attempt at a run, with the settings it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqa_train.scheduler.overview import Row
    from iqa_tui.actions.orders import RelaunchOrder
    from iqa_tui.state.board import RunLine, Target


@dataclass(frozen=True)
class RelaunchOptions:
    """How a run can be tried again. `why_not` says why it cannot as it is: with other settings it always can."""

    go_on: bool
    start_over: bool
    why_not: str = ""
    epochs: int = 0  # that its checkpoint has


def ways_of(line: RunLine) -> RelaunchOptions:
    """What may be done with the run of a line, read off its files."""
    from iqa_train.errors import UserError
    from iqa_train.runs.metrics import epoch_events
    from iqa_train.scheduler.relaunch import has_ended, require_ended

    row = line.row
    if row is None:
        return RelaunchOptions(False, False, f"{line.experiment} has not been started yet; s starts it")
    try:
        require_ended(row, again=True)
    except UserError as error:
        hint = "; x stops it" if line.is_open else ""
        return RelaunchOptions(False, False, str(error) + hint)
    return RelaunchOptions(has_ended(row, again=False), True, epochs=len(epoch_events(line.run)))


def relaunch(target: Target, order: RelaunchOrder) -> str:
    """Queue the run once more and see to a scheduler; returns what was done. Raises UserError."""
    from iqa_train.errors import UsageError
    from iqa_train.scheduler.overview import read_overview
    from iqa_train.scheduler.relaunch import relaunch as queue_again

    overview = read_overview(target.runs_dir)
    row = next((row for row in overview.rows if str(row.run.path) == order.key), None)
    if row is None:
        raise UsageError(f"nothing relaunched: {order.key} has not been started yet; s starts it")
    queue_again([row], target.runs_dir, str(target.logs_dir), 3, again=order.again)
    paused = paused_words(paused=overview.queue.paused)
    return f"{row.experiment} (seed {row.seed}): {_how(row, again=order.again)}{paused}"


def paused_words(*, paused: bool) -> str:
    """The end of a sentence about something queued, where the queue is paused."""
    return "; the queue is paused: p lets it go on" if paused else ""


def _how(row: Row, *, again: bool) -> str:
    from iqa_train.runs.metrics import epoch_events

    queued = f"queued as attempt {row.attempt + 1}"
    if again:
        return f"{queued}, from the start; what was there is kept in the folder of its attempt"
    epochs = len(epoch_events(row.run))
    return f"{queued}, goes on after epoch {epochs}" if epochs else queued
