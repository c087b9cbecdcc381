"""Runs on this machine: the scheduler starts them on its devices."""

import time
from collections.abc import Callable
from pathlib import Path

from iqa_train.runs.identity import suspension
from iqa_train.runs.layout import RunFolder
from iqa_train.scheduler.backend import CANNOT_START, QueueLook
from iqa_train.scheduler.placement import QueueEntry, plan
from iqa_train.scheduler.scheduler_lock import ensure_scheduler
from iqa_train.slurm.answer import Answer


class LocalBackend:
    """See `scheduler.backend.Backend`."""

    def submit(self, runs_dir: Path) -> str:
        """Start a scheduler unless one is running. Raises RunError where that is not possible."""
        ensure_scheduler(runs_dir)
        return ""

    def answers(self, look: QueueLook) -> dict[str, Answer]:
        """From the run folders, the leases and the placement that the scheduler follows."""
        open_ = look.open(slurm=False)
        waits = _waits(look) if any(status.phase == "waiting" for _, status in open_) else {}
        return {
            item.key: Answer("running") if status.phase == "running" else Answer("waiting", words=waits[item.key])
            for item, status in open_
        }

    def silence(self, runs_dir: Path) -> str:
        """Files and locks always answer."""
        return ""

    def stop(self, run: RunFolder, grace: float, waiting: Callable[[], None]) -> str:
        """Ask its runner; kill what is left after the grace."""
        from iqa_train.scheduler.stop import stop_run

        return stop_run(run, grace, waiting)


def _waits(look: QueueLook) -> dict[str, str]:
    """Why each run that waits does, by its key."""
    entries = [QueueEntry(item, s.phase) for item, s in look.status]
    planned = plan(entries, look.places, policy=look.queue.policy, paused=look.queue.paused, now=time.time())
    waits = dict(planned.waits) | {start.item.key: "about to start" for start in planned.starts}
    if look.queue.paused:
        return waits
    if look.scheduler is None:
        return dict.fromkeys(waits, "no scheduler is running; `iqa-train queue resume` starts one")
    if words := suspension(look.scheduler):
        return dict.fromkeys(waits, f"the scheduler is {words}")
    return waits | {key: f"{CANNOT_START}: {words}" for key, words in look.complaints.items() if key in waits}


LOCAL = LocalBackend()
