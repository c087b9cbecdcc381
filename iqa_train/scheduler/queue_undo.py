"""Undoes a change of the queue: puts back what it had changed, where nothing has been changed there since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iqa_train.errors import UsageError
from iqa_train.scheduler.backend import submit_queue
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.queue import Item, Queue, Rounds, edit_queue
from iqa_train.scheduler.slurm import attend_slurm


@dataclass(frozen=True)
class Change:
    """A change of the queue that was made: in words, and the queue before and after it."""

    words: str
    before: Queue
    after: Queue


def undo(change: Change, runs_dir: Path) -> None:
    """Make `change` undone, in one step under the queue's lock.

    Only what it changed is put back: items and their order, the policy, the pause, the wish for further rounds. Runs
    that were queued since stay, after the others. Raises UsageError, with nothing changed, if what it changed has been
    changed again, or a run that would come back has been started since.
    """
    returning = _returning(change)
    with edit_queue(runs_dir) as edit:
        edit.queue = after = _undone(change, edit.queue)
        _require_unstarted(returning, runs_dir)
    if not after.paused and (returning or change.after.paused) and _something_waits(after, runs_dir):
        submit_queue(runs_dir, after)  # the scheduler may have ended meanwhile
    else:
        attend_slurm(runs_dir, asked=True)


def _undone(change: Change, now: Queue) -> Queue:
    before, after, undone = change.before, change.after, now
    if _wanted(before.items) != _wanted(after.items):
        undone = replace(undone, items=_items(change, now))
    if before.policy != after.policy:
        _require(now.policy == after.policy, change, f"the policy is {now.policy} now")
        undone = replace(undone, policy=before.policy)
    if before.paused != after.paused:
        _require(
            now.paused == after.paused, change, f"the queue has been {'paused' if now.paused else 'resumed'} since"
        )
        undone = replace(undone, paused=before.paused)
    if _studies(before) != _studies(after):
        _require(_studies(now) == _studies(after), change, "further rounds have been queued or stopped since")
        lost: dict[str, Rounds] = {study: before.rounds[study] for study in before.rounds if study not in now.rounds}
        kept = {study: rounds for study, rounds in now.rounds.items() if study in before.rounds}
        undone = replace(undone, rounds=kept | lost)
    return undone


def _items(change: Change, now: Queue) -> tuple[Item, ...]:
    """Those before the change; then those that were queued since."""
    count = len(change.after.items)
    _require(
        _wanted(now.items[:count]) == _wanted(change.after.items), change, "other runs have been moved or removed since"
    )
    since = now.items[count:]
    again = {item.key for item in change.before.items} & {item.key for item in since}
    _require(not again, change, "a run has been queued again since")
    noted = {item.key: item.told for item in now.items}
    return (*(replace(item, told=noted.get(item.key, item.told)) for item in change.before.items), *since)


def _wanted(items: Sequence[Item]) -> list[Item]:
    """Without what the scheduler notes in them."""
    return [replace(item, told=False) for item in items]


def _studies(queue: Queue) -> set[str]:
    return set(queue.rounds)


def _returning(change: Change) -> list[Item]:
    after = {item.key for item in change.after.items}
    return [item for item in change.before.items if item.key not in after]


def _something_waits(queue: Queue, runs_dir: Path) -> bool:
    found = snapshots_of(queue.items, runs_dir)
    return any(status_of(item, found[item.key]).phase == "waiting" for item in queue.items)


def _require_unstarted(items: Sequence[Item], runs_dir: Path) -> None:
    found = snapshots_of(items, runs_dir)
    for item in items:
        status = status_of(item, found[item.key])
        if status.phase != "waiting" or status.tried:
            raise UsageError(
                f"nothing undone: {item.experiment} ({found[item.key].run.seed_words}) is {status.state.name}"
            )


def _require(so: bool, change: Change, why: str) -> None:
    if not so:
        raise UsageError(f'nothing undone: {why}, so "{change.words}" cannot be taken back')
