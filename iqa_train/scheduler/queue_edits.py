"""The commands of `iqa-train queue`: pause, resume, remove, move, clear, policy. Each returns what it did.

Those that the console offers as well add to `changes`, if it is given, what `queue_undo` needs to undo them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from iqa_train.errors import UsageError
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import state_of
from iqa_train.scheduler.backend import submit_queue
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.queue import (
    Queue,
    QueueEdit,
    edit_queue,
    moved,
    moved_past,
    read_queue,
    removed,
    without_rounds,
)
from iqa_train.scheduler.queue_undo import Change
from iqa_train.scheduler.scheduler_lock import scheduler_process
from iqa_train.scheduler.slurm import attend_slurm


def pause(runs_dir: Path, changes: list[Change] | None = None) -> str:
    """Start no further run; works before the first run is queued, too."""
    runs_dir.mkdir(exist_ok=True)  # but not what it lies in, which may have been moved away
    with edit_queue(runs_dir) as edit, _noted("pause", edit, changes):
        edit.queue = replace(edit.queue, paused=True)
    return "paused: no further run is started; running ones continue" + _carried_out(runs_dir)


def resume(runs_dir: Path, changes: list[Change] | None = None) -> str:
    """Start runs again, with a new scheduler where none is running and something waits; rounds that wait look again."""
    with edit_queue(runs_dir) as edit, _noted("resume", edit, changes):
        rounds = {study: replace(one, waits="", asked=time.time()) for study, one in edit.queue.rounds.items()}
        edit.queue = replace(edit.queue, paused=False, rounds=rounds)
    queue = read_queue(runs_dir)
    found = snapshots_of(queue.items, runs_dir)
    settled = all(status_of(item, found[item.key]).phase == "settled" for item in queue.items)
    if settled and not queue.rounds and not is_due(queue, runs_dir, found):
        return "resumed: nothing is waiting"
    before = scheduler_process(runs_dir)
    words = submit_queue(runs_dir, queue)
    started = ": a scheduler has been started" if before is None and scheduler_process(runs_dir) is not None else ""
    return f"resumed{started}" + (f"; Slurm: {words}" if words else "")


def remove(names: Sequence[str], runs_dir: Path, study: str | None = None, changes: list[Change] | None = None) -> str:
    """Remove experiments or runs. Raises UsageError for one that is running or not in the queue."""
    with edit_queue(runs_dir) as edit, _noted(f"remove {_called(names)}", edit, changes):
        keys = _waiting(edit.queue, names, runs_dir, study)
        leaving = [item for item in edit.queue.items if item.key in keys]
        found = snapshots_of(leaving, runs_dir)
        studies = {item.study for item in leaving if status_of(item, found[item.key]).phase == "waiting"}
        edit.queue = without_rounds(removed(edit.queue, keys), studies)
    return f"removed {_called(names)}" + _carried_out(runs_dir)


def move(names: Sequence[str], to: int, runs_dir: Path, study: str | None = None) -> str:
    """Move experiments or runs to place `to`, from 1. Raises UsageError for one that is running or not in the queue."""
    with edit_queue(runs_dir) as edit:
        keys = _waiting(edit.queue, names, runs_dir, study)
        edit.queue = moved(edit.queue, keys, to)
    return f"moved {', '.join(names)} to place {to}" + _carried_out(runs_dir)


def move_by(key: str, by: int, runs_dir: Path, changes: list[Change] | None = None) -> str:
    """Move a run past the waiting one before it (`by` -1) or after it (1); it is in that one's batch then.

    Raises UsageError for a run that is running, not in the queue, or has none to pass.
    """
    with edit_queue(runs_dir) as edit, _noted(f"move {_called([key])}", edit, changes):
        (mine,) = _waiting(edit.queue, [key], runs_dir, None)
        found = snapshots_of(edit.queue.items, runs_dir)
        waiting = [item.key for item in edit.queue.items if status_of(item, found[item.key]).phase == "waiting"]
        if mine not in waiting:
            raise UsageError(f"{_called([key])} does not wait: there is nothing to move")
        at = waiting.index(mine) + by
        if not 0 <= at < len(waiting):
            raise UsageError(f"{_called([key])} is the {'first' if by < 0 else 'last'} that waits")
        edit.queue = moved_past(edit.queue, mine, waiting[at])
    passed = _called([waiting[at]])
    return f"moved {_called([key])} {'before' if by < 0 else 'after'} {passed}" + _carried_out(runs_dir)


def clear(runs_dir: Path, study: str | None = None) -> str:
    """Remove everything that is settled."""
    with edit_queue(runs_dir) as edit:
        items = _of(edit.queue, study).items
        found = snapshots_of(items, runs_dir)
        keys = [item.key for item in items if status_of(item, found[item.key]).phase == "settled"]
        edit.queue = removed(edit.queue, keys)
    return f"{len(keys)} settled removed from the queue; their runs and results stay"


def set_policy(policy: str, runs_dir: Path, changes: list[Change] | None = None) -> str:
    """Place runs by `policy`, one of POLICIES, also those that are queued later."""
    runs_dir.mkdir(exist_ok=True)
    with edit_queue(runs_dir) as edit, _noted(f"policy {policy}", edit, changes):
        edit.queue = replace(edit.queue, policy=policy)
    return f"policy {policy}" + _carried_out(runs_dir)


@contextmanager
def _noted(words: str, edit: QueueEdit, changes: list[Change] | None) -> Iterator[None]:
    """Add what is done to `edit` to `changes`, if it changes anything."""
    before = edit.queue
    yield
    if changes is not None and edit.queue != before:
        changes.append(Change(words, before, edit.queue))


def _called(names: Sequence[str]) -> str:
    """Experiments by id, runs by experiment and seed."""
    runs = {name: RunFolder(Path(name)) for name in names if name.count("/") == 2}
    return ", ".join(f"{runs[n].experiment} ({runs[n].seed_words})" if n in runs else n for n in names)


def _carried_out(runs_dir: Path) -> str:
    """Have Slurm follow a change at once; why it cannot, to be added to what was done. The scheduler sees it itself."""
    words = attend_slurm(runs_dir, asked=True)
    return f"; Slurm will follow: {words}" if words else ""


def _of(queue: Queue, study: str | None) -> Queue:
    """The items of `study`; None: all of them."""
    return replace(queue, items=tuple(item for item in queue.items if study in {None, item.study}))


def _waiting(queue: Queue, names: Sequence[str], runs_dir: Path, study: str | None) -> list[str]:
    items = [item for name in names for item in _of(queue, study).find(name)]
    found = snapshots_of(items, runs_dir)
    for item in items:
        if state_of(found[item.key]).alive:
            which = found[item.key].run.seed_words
            raise UsageError(f"{item.experiment} ({which}) is running; iqa-train stop ends it")
    return [item.key for item in items]
