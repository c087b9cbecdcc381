"""The list of jobs as this process knows it: asked for seldom, kept while Slurm does not answer."""

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property

from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.jobs import Job, known_tasks, list_jobs
from iqa_train.slurm.this_cluster import ask_cluster

_AFTER_FAILURE = 15.0  # seconds
_MOST_SLACK = 8.0  # seconds: what is shown is to be true within 10


@dataclass(frozen=True)
class JobList:
    """The jobs at `time` (seconds since 1970; None: never listed so far). `error`: why there is no newer list.

    `cluster` is the identity of the cluster whose jobs they are; "" if it is not known.
    """

    jobs: tuple[Job, ...] = ()
    time: float | None = None
    error: str | None = None
    cluster: str = ""

    @property
    def is_known(self) -> bool:
        """Whether Slurm answered when it was asked last."""
        return self.time is not None and self.error is None

    @cached_property
    def by_task(self) -> Mapping[tuple[str, int | None], Job]:
        """By number of the array and number within it."""
        return {(job.array, job.task): job for job in self.jobs}

    @cached_property
    def by_id(self) -> Mapping[str, Job]:
        """By the number of the job itself, which tasks that wait do not have yet."""
        return {job.id: job for job in self.jobs if job.task is None or job.id != job.array or not job.is_waiting}


class JobWatch:
    """Lists the jobs of one user; may be used by several threads."""

    def __init__(self, user: str | None = None) -> None:
        self._user = user or str(os.geteuid())
        self._list = JobList()
        self._asking = threading.Lock()  # held while squeue is called
        self._fresh_since = float("-inf")  # when squeue was called for the list, monotonic
        self._slack = 0.0  # a controller that answers slowly is asked less often
        self._not_before = float("-inf")  # monotonic
        self._gone = set[tuple[str, int | None]]()  # confirmed
        self._in_question = set[tuple[str, int | None]]()  # to be confirmed by the next question

    def look(self, max_age: float = 2.0, *, in_background: bool = False) -> JobList:
        """The list, at most `max_age` seconds old unless squeue fails or is slow; never raises.

        With a `max_age` of 0, for after a change, a slow squeue is asked, too. `in_background` returns at once with
        what is known, and leaves the question to a thread.
        """
        known = self._list
        if self._is_fresh(max_age):
            return known
        if in_background:
            self._ask_in_thread()
            return self._list
        with self._asking:
            if self._list is known and not self._is_fresh(max_age):  # another thread may have asked meanwhile
                self._ask()
            return self._list

    def is_gone(self, array: str, task: int | None, *, in_background: bool = False) -> bool | None:
        """Whether a job that the list lacks has ended: scontrol is asked, since squeue may have left it out.

        None where Slurm does not answer or, `in_background`, has not been asked yet.
        """
        if (array, task) in self._gone:
            return True
        if in_background:
            self._in_question.add((array, task))
            return None
        return self._confirm(array, task)

    def _confirm(self, array: str, task: int | None) -> bool | None:
        try:
            known = known_tasks(array)
        except SlurmError:
            return None
        if task in known:
            return False
        self._gone.add((array, task))
        return True

    def expire(self) -> None:
        """Have the next look ask: jobs have been changed."""
        self._fresh_since = float("-inf")

    def _is_fresh(self, max_age: float) -> bool:
        now = time.monotonic()
        return now < self._not_before or (max_age > 0 and now - self._fresh_since < max(max_age, self._slack))

    def _ask_in_thread(self) -> None:
        if not self._asking.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._ask_and_release, name="squeue", daemon=True).start()
        except RuntimeError:  # no room for a thread: the next look tries again
            self._asking.release()

    def _ask_and_release(self) -> None:
        try:
            self._ask()
        finally:
            self._asking.release()

    def _ask(self) -> None:
        began, moment = time.monotonic(), time.time()
        try:
            jobs = tuple(list_jobs(self._user))
        except SlurmError as error:
            self._not_before = time.monotonic() + _AFTER_FAILURE
            self._list = replace(self._list, error=str(error))
        else:
            self._slack = min(4 * (time.monotonic() - began), _MOST_SLACK)
            self._fresh_since = began
            cluster = self._list.cluster
            if not cluster:
                with suppress(SlurmError):
                    cluster = ask_cluster().identity
            self._list = JobList(jobs, moment, cluster=cluster)
        for array, task in tuple(self._in_question):
            self._confirm(array, task)
            self._in_question.discard((array, task))


@cache
def own_jobs() -> JobWatch:
    """The watch over the jobs of this process's user, one per process."""
    return JobWatch()
