"""Relaunches a run with its own settings, as a new attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iqa_tui.actions.orders import run_name

if TYPE_CHECKING:
    from iqa_train.scheduler.overview import Row
    from iqa_tui.actions.orders import RelaunchOrder
    from iqa_tui.state.board import RunLine, Target


@dataclass(frozen=True)
class RelaunchOptions:
    """How a run can be relaunched. `why_not` says why not as it is; with other settings it always can be."""

    resume: bool
    start_over: bool
    why_not: str = ""
    epochs: int = 0  # done at its checkpoint


def relaunch_options(line: RunLine) -> RelaunchOptions:
    """How the run of `line` can be relaunched, read from its files."""
    from iqa_train.errors import UserError
    from iqa_train.runs.metrics import epoch_events
    from iqa_train.scheduler.relaunch import has_ended, require_ended

    row = line.row
    if row is None:
        return RelaunchOptions(False, False, f"{line.experiment} has not been started yet; press s to start it")
    try:
        require_ended(row, again=True)
    except UserError as error:
        hint = "; press x to stop it" if line.is_open else ""
        return RelaunchOptions(False, False, str(error) + hint)
    return RelaunchOptions(has_ended(row, again=False), True, epochs=len(epoch_events(line.run)))


def relaunch(target: Target, order: RelaunchOrder) -> str:
    """Queue the runs again and make sure a scheduler runs; returns a line about each. Raises UserError."""
    from iqa_train.errors import UsageError
    from iqa_train.scheduler.overview import read_overview
    from iqa_train.scheduler.relaunch import relaunch as queue_again

    overview = read_overview(target.runs_dir)
    rows = {str(row.run.path): row for row in overview.rows}
    missing = next((key for key in order.keys if key not in rows), None)
    if missing is not None:
        raise UsageError(f"nothing relaunched: {missing} has not been started yet; press s to start it")
    chosen = [rows[key] for key in order.keys]
    texts = [f"{run_name(row.run, several_seeds=True)}: {_queued_text(row, again=order.again)}" for row in chosen]
    queue_again(chosen, target.runs_dir, str(target.logs_dir), 3, again=order.again)
    return "\n".join(texts) + paused_hint(paused=overview.queue.paused)


def paused_hint(*, paused: bool) -> str:
    """What to add to a sentence about queued runs if the queue is paused."""
    return "; the queue is paused: press p to resume it" if paused else ""


def _queued_text(row: Row, *, again: bool) -> str:
    from iqa_train.runs.metrics import epoch_events

    queued = f"queued as attempt {row.attempt + 1}"
    if again:
        return f"{queued}, from the start; the files of earlier attempts are kept"
    epochs = len(epoch_events(row.run))
    return f"{queued}, continues after epoch {epochs}" if epochs else queued
