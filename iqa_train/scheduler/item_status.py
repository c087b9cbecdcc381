"""Status of a queued run (waiting, running, settled), from its attempts since it was queued."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iqa_train.runner.folder_watch import gone_words
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.outcome import SUPERSEDED
from iqa_train.runs.snapshot import AttemptSnapshot, RunSnapshot, SnapshotReader, read_snapshot
from iqa_train.runs.state import RunState, state_of
from iqa_train.runs.state_names import LOST, QUEUED
from iqa_train.scheduler.queue import Item, folder_of

Phase = Literal["waiting", "running", "settled"]


@dataclass(frozen=True)
class ItemStatus:
    """`waiting` for an attempt, `running`, or `settled`: done, given up, or stopped on request.

    `attempt` is the number that its next attempt would have; `tried` says whether one has been made since queueing.
    `tries` is which attempt without an epoch in a row the next, or the running one, is; 0 where that is no matter.
    """

    phase: Phase
    state: RunState
    attempt: int
    tried: bool
    tries: int = 0

    @property
    def retrying(self) -> bool:
        """Whether it waits for another attempt because the last one failed; not of one that was interrupted."""
        return self.phase == "waiting" and self.tries > 0


def item_status(item: Item, runs_dir: Path) -> ItemStatus:
    """The status of `item` now."""
    return status_of(item, read_snapshot(folder_of(item, runs_dir)))


def snapshots_of(items: Iterable[Item], runs_dir: Path, reader: SnapshotReader | None = None) -> dict[str, RunSnapshot]:
    """A look at the runs of `items`, by their keys."""
    reader = reader or SnapshotReader()
    return {item.key: reader.read(folder_of(item, runs_dir)) for item in items}


def status_of(item: Item, found: RunSnapshot) -> ItemStatus:
    """The status of `item`, of whose run `found` is a snapshot."""
    if isinstance(found.attempts, Damage):
        return ItemStatus("settled", RunState(LOST, found.attempts.words), 0, True)
    if not found.is_there:  # it was made before the item was queued, and nothing makes it again
        gone = RunState(LOST, f"{gone_words(found.run.path)}; queue the run again")
        return ItemStatus("settled", gone, 1, True)
    attempts = found.attempts
    mine = [attempt for attempt in attempts if attempt.number > item.after]
    number = attempts[-1].number + 1 if attempts else 1
    state = state_of(found)
    if state.alive:
        return ItemStatus("running", state, number, bool(mine), _without_epoch(mine) if len(mine) > 1 else 0)
    if not mine:
        if state.finished and not item.again:
            return ItemStatus("settled", state, number, False)
        before = f"attempt {attempts[-1].number} {state.name}" if attempts else "not started"
        return ItemStatus("waiting", RunState(QUEUED, before), number, False)
    wanted = item.retries or _interrupted(mine[-1])  # --retries 0 is about failures
    if state.can_pass and wanted and (count := _without_epoch(mine)) <= item.retries:
        return ItemStatus("waiting", state, number, True, 0 if _interrupted(mine[-1]) else count + 1)
    return ItemStatus("settled", state, number, True)


def _without_epoch(attempts: Sequence[AttemptSnapshot]) -> int:
    """How many of the last attempts in a row have not finished an epoch; what cannot be read is no progress.

    An epoch that an earlier attempt had finished is none: a program that cannot continue would be tried for ever. One
    that was interrupted while it trained does not count: its time limit may be shorter than an epoch.
    """
    known: set[tuple[int, int]] = set()
    count = 0
    for attempt in attempts:
        if _superseded(attempt):  # its successor counts
            continue
        if attempt.metrics is None or isinstance(attempt.metrics, Damage):
            count += 1
            continue
        if _interrupted(attempt) and attempt.metrics.training is not None:
            continue
        epochs = {(event["round"], event["epoch"]) for event in attempt.metrics.epochs}
        count = 0 if epochs - known else count + 1
        known |= epochs
    return count


def _superseded(attempt: AttemptSnapshot) -> bool:
    return isinstance(attempt.exit, dict) and attempt.exit["exit_code"] == SUPERSEDED


def _interrupted(attempt: AttemptSnapshot) -> bool:
    return isinstance(attempt.exit, dict) and attempt.exit.get("interrupted", False)
