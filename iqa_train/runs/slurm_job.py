"""What Slurm says of the job that an attempt is part of."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.slurm.answer import UNKNOWN, Answer, answer_on_attempt, job_named

if TYPE_CHECKING:  # imported once there is a job: most runs have none
    from iqa_train.slurm.job_watch import JobList, JobWatch

_LATE = 5.0  # seconds after which a file of an attempt that has ended is taken to be visible here, too


class SlurmWatch:
    """Asks squeue for the jobs of the owner of a run; `in_background`, for a screen, without waiting."""

    in_background = False

    def answer(self, folder: Path, facts: Mapping[str, Any] | None) -> Answer | None:
        """On the attempt in `folder`, of whose job its runner.json says `facts`; None for none of Slurm's."""
        if not facts:
            return None
        from iqa_train.slurm.commands import is_available

        if not is_available():
            return UNKNOWN
        try:
            status = (folder / "runner.json").stat()
        except OSError:
            return UNKNOWN
        watch = self._watch_of(status.st_uid)
        listed = watch.look(in_background=self.in_background)
        if not listed.is_known or listed.time is None:
            return UNKNOWN
        if listed.cluster and facts.get("cluster", listed.cluster) not in {"", listed.cluster}:
            return replace(UNKNOWN, words=f"a job of the cluster {facts['cluster']}")
        array, task = job_named(facts["job"])
        job = listed.by_task.get((array, task))
        since = listed.time > status.st_mtime + _LATE
        if job is None and since and not watch.is_gone(array, task, in_background=self.in_background):
            return UNKNOWN
        answer = answer_on_attempt(facts, job, since=since)
        if answer.kind == "gone" and answer.end is not None and listed.time < answer.end + _LATE:
            return UNKNOWN  # its exit.json may just not be visible yet
        return answer

    def listed(self, runs_dir: Path) -> "JobList":
        """The jobs of the owner of the runs folder."""
        from iqa_train.slurm.commands import is_available
        from iqa_train.slurm.job_watch import JobList

        if not is_available():
            return JobList()
        try:
            return self._watch_of(runs_dir.stat().st_uid).look(in_background=self.in_background)
        except FileNotFoundError:
            return JobList()

    def is_gone(self, runs_dir: Path, job: str) -> bool:
        """Whether Slurm confirms that it does not have a job, which it does not list, of the runs folder's owner."""
        with suppress(FileNotFoundError):
            watch = self._watch_of(runs_dir.stat().st_uid)
            return watch.is_gone(*job_named(job), in_background=self.in_background) is True
        return False

    def _watch_of(self, uid: int) -> "JobWatch":
        from iqa_train.slurm.job_watch import own_jobs

        return own_jobs() if uid == os.geteuid() else _jobs_of(uid)


@cache
def slurm_watch() -> SlurmWatch:
    """The one of this process."""
    return SlurmWatch()


@cache
def _jobs_of(uid: int) -> "JobWatch":
    from iqa_train.slurm.job_watch import JobWatch

    return JobWatch(str(uid))
