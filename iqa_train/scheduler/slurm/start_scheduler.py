"""Has this machine's scheduler do what is no job's: send notifications, and queue the next round of a design."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.runner.program import python_command
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.scheduler_lock import ensure_scheduler, scheduler_process
from iqa_train.scheduler.slurm.cluster_look import ClusterLook

_WITHIN = 300.0  # seconds that a job stays for it


def start_scheduler(runs_dir: Path, look: ClusterLook) -> bool:
    """Start it if something is due; it ends by itself. Returns whether it has been waited for, as within a job.

    What a job leaves behind is killed. It reconciles as well: not while this process has the turn.
    """
    if not (_round_is_due(look) or is_due(look.queue, runs_dir, look.runs)) or scheduler_process(runs_dir) is not None:
        return False
    with suppress(RunError, subprocess.TimeoutExpired):
        if "SLURM_JOB_ID" not in os.environ:
            ensure_scheduler(runs_dir)
            return False
        if any(item.slurm is None and look.status[item.key].phase != "settled" for item in look.queue.items):
            return False  # it would start those on this node
        words = python_command("iqa_train.scheduler.scheduler", str(runs_dir.absolute()))
        subprocess.run(words, timeout=_WITHIN, check=False)
        return True
    return False


def _round_is_due(look: ClusterLook) -> bool:
    """Whether further rounds of a study are wanted and all its runs are settled."""
    return not look.queue.paused and any(
        all(look.status[item.key].phase == "settled" for item in look.queue.items if item.study == study)
        for study, wanted in look.queue.rounds.items()
        if not wanted.waits
    )
