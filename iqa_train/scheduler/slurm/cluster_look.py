"""Queue, runs, submissions and jobs at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.scheduler.item_status import ItemStatus, snapshots_of, status_of
from iqa_train.scheduler.queue import Item, Queue, read_queue
from iqa_train.scheduler.slurm.submissions import Submission, read_submissions, tasks_now
from iqa_train.slurm.accounting import recorded_as_cancelled
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import own_jobs
from iqa_train.slurm.jobs import Job


@dataclass(frozen=True)
class ClusterLook:
    """`status` and `runs` are by the key of the item, `jobs` by token and task."""

    queue: Queue
    status: Mapping[str, ItemStatus]
    runs: Mapping[str, RunSnapshot]
    submissions: Sequence[Submission]
    jobs: Mapping[str, Mapping[int, Job]]
    idle: frozenset[str] = frozenset()  # the labels of our jobs that wait and belong to no array
    cancelled_arrays: frozenset[str] = frozenset()  # whose tasks were all cancelled before one began

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """Those of the queue, by their keys."""
        return {item.key: item for item in self.queue.items}


def look_at_cluster(runs_dir: Path, reader: SnapshotReader, ending: Mapping[str, str] | None = None) -> ClusterLook:
    """Take it; the jobs `ending` (their states by label) reconcile as their last act, and count as ended.

    Raises SlurmError where squeue does not answer, RunError for a damaged queue.
    """
    submissions = read_submissions(runs_dir)  # before squeue: whose job is not there then, is gone
    listed = own_jobs().look(max_age=0.0)
    if listed.error:
        raise SlurmError(listed.error, passing=True)
    queue = read_queue(runs_dir)
    runs = snapshots_of(queue.items, runs_dir, reader)
    status = {item.key: status_of(item, runs[item.key]) for item in queue.items}
    jobs = tasks_now(submissions, as_ended(listed.jobs, ending or {}))
    cancelled = frozenset(job.array for job in listed.jobs if job.task is None and job.state == "CANCELLED")
    forgotten = {one.job for one in submissions if one.job and not jobs[one.token]} - cancelled
    idle = frozenset(job.label for job in listed.jobs if job.task is None and job.is_waiting)
    return ClusterLook(queue, status, runs, submissions, jobs, idle, cancelled | recorded_as_cancelled(forgotten))


def as_ended(jobs: Iterable[Job], ending: Mapping[str, str]) -> list[Job]:
    """The jobs as they will be at once: those that still run as their last act have ended in the states of `ending`."""
    return [replace(job, state=ending[job.label]) if job.is_on_node and job.label in ending else job for job in jobs]
