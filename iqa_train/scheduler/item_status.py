"""Status of a queued run (waiting, running, settled), from its attempts since it was queued."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iqa_train.files import read_lines
from iqa_train.runner.folder_watch import gone_words
from iqa_train.runs.layout import Attempt
from iqa_train.runs.state import RunState, run_state
from iqa_train.runs.state_names import QUEUED
from iqa_train.scheduler.queue import Item, folder_of

Phase = Literal["waiting", "running", "settled"]


@dataclass(frozen=True)
class ItemStatus:
    """`waiting` for an attempt, `running` one, or `settled`: done, given up, or stopped on request.

    `attempt` is the number that its next attempt would have; `tried` says whether one has been made since queueing.
    """

    phase: Phase
    state: RunState
    attempt: int
    tried: bool


def item_status(item: Item, runs_dir: Path) -> ItemStatus:
    """Where `item` stands now."""
    run = folder_of(item, runs_dir)
    try:
        attempts = run.attempts()
    except OSError as error:
        lost = RunState("lost", f"{error.filename} cannot be read: {error.strerror}")
        return ItemStatus("settled", lost, 0, True)
    if not run.path.is_dir():  # it was made before the item was queued, and nothing makes it again
        return ItemStatus("settled", RunState("lost", f"{gone_words(run.path)}; queue the run again"), 1, True)
    mine = [attempt for attempt in attempts if attempt.number > item.after]
    number = attempts[-1].number + 1 if attempts else 1
    state = run_state(run)
    if state.alive:
        return ItemStatus("running", state, number, bool(mine))
    if not mine:
        if state.finished and not item.again:
            return ItemStatus("settled", state, number, False)
        before = f"attempt {attempts[-1].number} {state.name}" if attempts else "not started"
        return ItemStatus("waiting", RunState(QUEUED, before), number, False)
    if state.can_pass and item.retries and _idle(mine) <= item.retries:
        return ItemStatus("waiting", state, number, True)
    return ItemStatus("settled", state, number, True)


def _idle(attempts: list[Attempt]) -> int:
    """How many of the last attempts in a row have not finished an epoch."""
    count = 0
    for attempt in reversed(attempts):
        with contextlib.suppress(OSError):  # what cannot be read is no progress
            if next(read_lines(attempt.metrics, only=b'"event": "epoch"'), None) is not None:
                break
        count += 1
    return count
