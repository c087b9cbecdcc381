"""The queue and its scheduler."""

import time
from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.naming import command_for
from iqa_train.doctor.state_files import damage_of, mtime
from iqa_train.errors import RunError
from iqa_train.runs.documents import read_scheduler
from iqa_train.runs.identity import origin_from, suspension
from iqa_train.runs.layout import QueueFiles, RunFolder
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.state import Waits
from iqa_train.runs.state_names import QUEUED, RETRYING
from iqa_train.scheduler.item_status import ItemStatus, snapshots_of, status_of
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.queue import Item, folder_of, read_queue
from iqa_train.scheduler.scheduler_lock import scheduler_process, start_failures
from iqa_train.text import plural


def check_queue(runs_dir: Path) -> Iterator[Checkup]:
    """How many runs wait, whether a scheduler is running, and what cannot be started. A damaged queue is skipped."""
    files = QueueFiles(runs_dir)
    if damage_of(files.queue):
        return
    queue = read_queue(runs_dir)
    found = snapshots_of(queue.items, runs_dir)
    waiting = [item for item in queue.items if status_of(item, found[item.key]).phase == "waiting"]
    scheduler = scheduler_process(runs_dir)
    count = plural(len(waiting), "run")
    resume = f"`{command_for('queue resume', runs_dir)}`"
    if waiting and queue.paused:
        yield Checkup("queue", "note", f"the queue is paused; waiting in it: {count}", f"{resume} continues it")
    elif scheduler is None and any(item.slurm is None for item in waiting):
        yield Checkup("queue", "warning", f"{count} waiting and no scheduler is running", f"{resume} starts one")
    else:
        yield Checkup("queue", "ok", f"{count} waiting")
    if scheduler is None:
        if is_due(queue, runs_dir, found):
            yield Checkup("queue", "warning", "notifications are waiting to be delivered", f"{resume} delivers them")
        if not damage_of(files.scheduler):
            yield from _no_scheduler(files)
        return
    if words := suspension(scheduler):
        yield Checkup("scheduler", "warning", f"the scheduler is {words}")
    elif not scheduler.host or scheduler.is_here:
        yield Checkup("scheduler", "ok", f"process {scheduler.pid}" if scheduler.pid else "running")
    else:
        message = f"the scheduler of {runs_dir} is process {scheduler.pid} {scheduler.where}: runs start there"
        yield Checkup("scheduler", "note", message, "to have them here, end that one first")
    complaints = start_failures(runs_dir)
    for item in waiting:
        if item.run in complaints:
            yield Checkup("queue", "error", f"{item.experiment} cannot be started: {complaints[item.run]}")


def _no_scheduler(files: QueueFiles) -> Iterator[Checkup]:
    """None runs; one that was killed leaves its file."""
    facts = read_scheduler(files.scheduler)
    if facts is None:
        yield Checkup("scheduler", "ok", "none running, none left behind")
        return
    origin = origin_from(facts)
    silent = time.time() - mtime(files.scheduler)
    where = "" if origin is None or origin.is_here else f" {origin.where}, silent for {silent / 60:.0f} min,"
    message = f"a scheduler{where} was killed and has left {files.scheduler}, which does no harm"
    yield Checkup("scheduler", "note", message, "the next one replaces it")


def waiting_folders(runs_dir: Path, reader: SnapshotReader | None = None) -> dict[Path, Waits]:
    """The folders of the runs that the queue still has to start, and how each waits."""
    return {
        (run := folder_of(item, runs_dir)).path: Waits(
            RETRYING if status.retrying else QUEUED, _is_to_start_over(item, run)
        )
        for item, status in _waiting(runs_dir, reader)
    }


def _is_to_start_over(item: Item, run: RunFolder) -> bool:
    return item.again and max((attempt.number for attempt in run.attempts()), default=0) <= item.after


def waiting_in(runs_dir: Path, reader: SnapshotReader | None = None) -> list[Item]:
    """The items that still wait; none where the queue is damaged, which another check reports."""
    return [item for item, _ in _waiting(runs_dir, reader)]


def _waiting(runs_dir: Path, reader: SnapshotReader | None) -> list[tuple[Item, ItemStatus]]:
    try:
        queue = read_queue(runs_dir)
    except (RunError, OSError):
        return []
    found = snapshots_of(queue.items, runs_dir, reader)
    status = [(item, status_of(item, found[item.key])) for item in queue.items]
    return [(item, one) for item, one in status if one.phase == "waiting"]
