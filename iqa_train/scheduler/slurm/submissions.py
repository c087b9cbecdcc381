"""What has been submitted to Slurm: a file for each job array, written before sbatch is called.

The array's comment names the file's token, so that a submitter that is killed between the two loses nothing: squeue
shows the job, and the file says which runs it is to carry out.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from iqa_train.files import SCHEMA_VERSION, DamagedFileError, read_json, write_json
from iqa_train.runs.identity import ProcessIdentity, this_process
from iqa_train.runs.layout import SlurmFiles
from iqa_train.schema import build
from iqa_train.slurm.batch_script import COMMENT
from iqa_train.slurm.jobs import Job

NO_FOLLOW_UP = "none"

_IN_FLIGHT = 120.0  # seconds that a submitter on another host has for its sbatch


@dataclass(frozen=True)
class Submitter:
    """The process that submits."""

    host: str
    boot_id: str
    pid: int | None
    created: int | None
    namespace: int | None = None


@dataclass(frozen=True)
class Submission:
    """A job array: task k carries out the runs of the items `tasks[k]` (their keys).

    `after` is each item's number of earlier attempts when it was submitted: an item that was queued again is another.
    `job` is the array's number once sbatch has answered; `batch` and `policy` are those of the queue then.
    """

    token: str
    tasks: tuple[tuple[str, ...], ...]
    after: dict[str, int]
    options: dict[str, Any]
    batch: int
    policy: str
    made: float
    by: Submitter
    cluster: str = ""  # its identity; "" in files of an earlier version
    job: str = ""
    held: bool = False  # by us: the queue is paused, or `array_limit` leaves no room for it
    released: bool = False  # by us, after we had held it; a controller that is killed forgets that
    at_once: int | None = None  # how many of its tasks may run at the same time, as last set
    cancelled: tuple[int, ...] = ()  # tasks that we have cancelled
    seen: tuple[int, ...] = ()  # tasks whose end has been noted
    follow_up: str = ""  # the job that reconciles if one of these fails; NO_FOLLOW_UP where Slurm refused that
    begin: float = 0.0  # seconds since 1970, before which it may not begin; 0: at once

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all its items."""
        return tuple(key for task in self.tasks for key in task)

    @property
    def under_way(self) -> bool:
        """Whether its sbatch may still be under way: no job is known yet."""
        if self.job:
            return False
        who = ProcessIdentity(**asdict(self.by))
        return who.alive if who.is_here else time.time() - self.made < _IN_FLIGHT

    def names(self, key: str, after: int) -> bool:
        """Whether it carries out the item that has these."""
        return self.after.get(key) == after


def new_submission(
    tasks: Sequence[Sequence[str]],
    after: Mapping[str, int],
    options: Mapping[str, Any],
    batch: int,
    policy: str,
    cluster: str = "",
) -> Submission:
    """One that is about to be made by this process."""
    me = this_process()
    by = Submitter(me.host, me.boot_id, me.pid, me.created, me.namespace)
    token = f"{time.strftime('%Y%m%d%H%M%S')}-{secrets.token_hex(6)}"
    keys = tuple(tuple(task) for task in tasks)
    return Submission(token, keys, dict(after), dict(options), batch, policy, time.time(), by, cluster)


def save(submission: Submission, runs_dir: Path) -> None:
    """Write it; the token is its own, so nobody else's is replaced."""
    files = SlurmFiles(runs_dir)
    files.folder.mkdir(exist_ok=True)
    write_json(files.submission(submission.token), {"schema_version": SCHEMA_VERSION, **asdict(submission)})


def forget(submission: Submission, runs_dir: Path) -> None:
    """Remove what was never submitted, or is over."""
    files = SlurmFiles(runs_dir)
    for mark in files.folder.glob(f"{submission.job}_*.not-due") if submission.job else ():
        mark.unlink(missing_ok=True)
    files.submission(submission.token).unlink(missing_ok=True)


def read_submission(runs_dir: Path, token: str) -> Submission | None:
    """The one with this token; None where it is not there, or not whole."""
    path = SlurmFiles(runs_dir).submission(token)
    with suppress(DamagedFileError, ValueError, TypeError):
        document = read_json(path)
        return None if document is None else _submission(document)
    return None


def _submission(document: Mapping[str, Any]) -> Submission:
    made = build(Submission, document)
    tasks = tuple(tuple(task) for task in made.tasks)
    return replace(made, tasks=tasks, by=build(Submitter, document["by"]))


def read_submissions(runs_dir: Path) -> list[Submission]:
    """All there are, the oldest first; damaged ones are passed over, their jobs find no run to carry out."""
    found = (read_submission(runs_dir, path.stem) for path in SlurmFiles(runs_dir).submissions())
    return [one for one in found if one is not None]


def by_cluster(submissions: Sequence[Submission], cluster: str) -> tuple[list[Submission], dict[str, str]]:
    """Those to `cluster` (its identity; "" if it is not known), and of the others the cluster of each item's key."""
    here = [one for one in submissions if not cluster or one.cluster in {"", cluster}]
    ours = {(key, after) for one in here for key, after in one.after.items()}
    others = {
        key: one.cluster
        for one in submissions
        if one not in here
        for key, after in one.after.items()
        if (key, after) not in ours
    }
    return here, others


def tasks_now(submissions: Sequence[Submission], jobs: Iterable[Job]) -> dict[str, dict[int, Job]]:
    """Of each submission, by its token: the jobs that squeue lists, by their task.

    The comment says whose a job is; where a site's own rules have changed it, the array's number does.
    """
    arrays = {one.job: one.token for one in submissions if one.job}
    found: dict[str, dict[int, Job]] = {one.token: {} for one in submissions}
    for job in jobs:
        if job.task is None:
            continue
        token = job.comment.removeprefix(COMMENT) if job.comment.startswith(COMMENT) else arrays.get(job.array, "")
        if token in found:
            found[token][job.task] = job
    return found
