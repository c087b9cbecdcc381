"""Queue, runs, submissions and jobs at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.scheduler.item_status import ItemStatus, snapshots_of, status_of
from iqa_train.scheduler.queue import Item, Queue, read_queue
from iqa_train.scheduler.slurm.submissions import Submission, by_cluster, read_submissions, tasks_now
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import own_jobs
from iqa_train.slurm.jobs import Job, known_tasks
from iqa_train.slurm.this_cluster import ThisCluster, ask_cluster

_CLOCKS = 2.0  # seconds by which the clocks of login node and controller may differ


@dataclass(frozen=True)
class ClusterLook:
    """`status` and `runs` are by the key of the item, `jobs` by token and task, `submissions` those to this cluster.

    `elsewhere`: the clusters that other items were submitted to, by their key.
    """

    queue: Queue
    status: Mapping[str, ItemStatus]
    runs: Mapping[str, RunSnapshot]
    submissions: Sequence[Submission]
    jobs: Mapping[str, Mapping[int, Job]]
    cluster: str = ""
    idle: frozenset[str] = frozenset()  # the labels of our jobs that wait and belong to no array
    cancelled_arrays: frozenset[str] = frozenset()  # whose tasks were all cancelled before one began
    forgotten_arrays: frozenset[str] = frozenset()  # that the controller does not have, and has not lost by a restart
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """Those of the queue, by their keys."""
        return {item.key: item for item in self.queue.items}

    def is_open(self, key: str) -> bool:
        """Whether its run is in the queue, and not settled."""
        return key in self.status and self.status[key].phase != "settled"


def look_at_cluster(runs_dir: Path, reader: SnapshotReader, ending: Mapping[str, str] | None = None) -> ClusterLook:
    """Take it; the jobs `ending` (their states by label) reconcile as their last act, and count as ended.

    Raises SlurmError where Slurm does not answer or squeue leaves jobs out, RunError for a damaged queue.
    """
    submissions = read_submissions(runs_dir)  # before squeue: whose job is not there then, is gone
    cluster = ask_cluster()
    listed = own_jobs().look(max_age=0.0)
    if listed.error:
        raise SlurmError(listed.error, passing=True)
    queue = read_queue(runs_dir)
    runs = snapshots_of(queue.items, runs_dir, reader)
    status = {item.key: status_of(item, runs[item.key]) for item in queue.items}
    here, elsewhere = by_cluster(submissions, cluster.identity)
    jobs = tasks_now(here, as_ended(listed.jobs, ending or {}))
    look = ClusterLook(
        queue, status, runs, here, jobs, cluster.identity,
        frozenset(job.label for job in listed.jobs if job.task is None and job.is_waiting),
        frozenset(job.array for job in listed.jobs if job.task is None and job.state == "CANCELLED"),
        _forgotten(here, jobs, cluster),
        elsewhere,
    )  # fmt: skip
    _require_complete(look)
    return look


def _forgotten(
    submissions: Sequence[Submission], jobs: Mapping[str, Mapping[int, Job]], cluster: ThisCluster
) -> frozenset[str]:
    """Arrays that are not listed at all, although the controller has run since before they were submitted."""
    if cluster.booted is None:
        return frozenset()
    missing = (one for one in submissions if one.job and not jobs[one.token])
    return frozenset(one.job for one in missing if cluster.booted < one.made - _CLOCKS)


def _require_complete(look: ClusterLook) -> None:
    """Raise SlurmError if squeue leaves out a job of an open run that the controller has."""
    for one in look.submissions:
        ended = {*look.jobs[one.token], *one.seen, *one.cancelled}
        missing = {task for task, keys in enumerate(one.tasks) if task not in ended and any(map(look.is_open, keys))}
        if one.job and missing and (left_out := missing & known_tasks(one.job)):
            raise SlurmError(
                f"squeue does not list job {one.job}_{min(left_out)}, which scontrol shows; nothing was changed",
                passing=True,
            )


def as_ended(jobs: Iterable[Job], ending: Mapping[str, str]) -> list[Job]:
    """The jobs as they will be at once: those that still run as their last act have ended in the states of `ending`."""
    return [replace(job, state=ending[job.label]) if job.is_on_node and job.label in ending else job for job in jobs]
