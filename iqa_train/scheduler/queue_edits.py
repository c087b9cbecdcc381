"""Changes of the queue on somebody's order: pause and resume, remove, move, clear, policy. Each says what it did."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.errors import UsageError
from iqa_train.runs.state import run_state
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.queue import Queue, edit_queue, folder_of, moved, read_queue, removed
from iqa_train.scheduler.scheduler_lock import ensure_scheduler


def pause(runs_dir: Path) -> str:
    """Let nothing more be started, or nothing at all where the first runs are still to be queued."""
    runs_dir.mkdir(exist_ok=True)  # but not what it lies in, which may have been moved away
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, paused=True)
    return "paused: nothing more is started; what runs goes on"


def resume(runs_dir: Path) -> str:
    """Go on, with a new scheduler where none is running and something waits."""
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, paused=False)
    queue = read_queue(runs_dir)
    if all(item_status(item, runs_dir).phase == "settled" for item in queue.items) and not is_due(queue, runs_dir):
        return "resumed: nothing is waiting"
    return "resumed" + (": a scheduler has been started" if ensure_scheduler(runs_dir) else "")


def remove(names: Sequence[str], runs_dir: Path, study: str | None = None) -> str:
    """Take experiments or runs that wait, or are settled, out. Raises UsageError for one that runs or is not there."""
    with edit_queue(runs_dir) as edit:
        keys = _waiting(edit.queue, names, runs_dir, study)
        edit.queue = removed(edit.queue, keys)
    return f"removed {', '.join(names)}"


def move(names: Sequence[str], to: int, runs_dir: Path, study: str | None = None) -> str:
    """Put experiments or runs that wait at place `to`, from 1. Raises UsageError for one that runs or is not there."""
    with edit_queue(runs_dir) as edit:
        keys = _waiting(edit.queue, names, runs_dir, study)
        edit.queue = moved(edit.queue, keys, to)
    return f"moved {', '.join(names)} to place {to}"


def clear(runs_dir: Path, study: str | None = None) -> str:
    """Take out everything that is settled."""
    with edit_queue(runs_dir) as edit:
        keys = [i.key for i in _of(edit.queue, study).items if item_status(i, runs_dir).phase == "settled"]
        edit.queue = removed(edit.queue, keys)
    return f"{len(keys)} settled taken out of the queue; their runs and results stay"


def set_policy(policy: str, runs_dir: Path) -> str:
    """Have runs placed by `policy`, one of POLICIES, those too that are still to be queued."""
    runs_dir.mkdir(exist_ok=True)
    with edit_queue(runs_dir) as edit:
        edit.queue = replace(edit.queue, policy=policy)
    return f"policy {policy}"


def _of(queue: Queue, study: str | None) -> Queue:
    """The queue as far as it is of `study`; None: all of it."""
    return replace(queue, items=tuple(item for item in queue.items if study in {None, item.study}))


def _waiting(queue: Queue, names: Sequence[str], runs_dir: Path, study: str | None) -> list[str]:
    items = [item for name in names for item in _of(queue, study).find(name)]
    for item in items:
        if run_state(folder_of(item, runs_dir)).alive:
            raise UsageError(f"{item.experiment} (seed {item.seed}) is running; iqa-train stop ends it")
    return [item.key for item in items]
