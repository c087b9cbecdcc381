"""Has Slurm carry out the queue: compares what is wanted with squeue and the run folders, and acts on the difference.

There is no daemon: every command, the console and the end of every job reconcile. It keeps nothing but the files of
`submissions`; killed at any moment, the next one goes on. Two at once, where a lock reaches neither, may submit a run
twice, which costs a job that ends at once: an attempt is made by exclusive creation.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iqa_train.errors import RunError
from iqa_train.locks import lock_now, open_lock
from iqa_train.runner.program import python_command
from iqa_train.runs.layout import QueueFiles, SlurmFiles
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.scheduler.item_status import ItemStatus, snapshots_of, status_of
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.queue import Item, Queue, folder_of, read_queue
from iqa_train.scheduler.scheduler_lock import ensure_scheduler, scheduler_process
from iqa_train.scheduler.slurm.cancelled import record_cancelled
from iqa_train.scheduler.slurm.plan import Entry, Order, SlurmPlan, earlier_arrays, plan
from iqa_train.scheduler.slurm.script import script_of
from iqa_train.scheduler.slurm.submissions import (
    Submission,
    Trouble,
    forget,
    new_submission,
    read_submissions,
    read_troubles,
    save,
    save_troubles,
    tasks_now,
)
from iqa_train.slurm import commands
from iqa_train.slurm.answer import answer_of
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import own_jobs
from iqa_train.slurm.jobs import Job

_EVERY = 2.0  # seconds between two passes that nobody has asked for
_PASSES = 3
_AGAIN = (10.0, 600.0)  # seconds until a run is submitted again whose job could not be made or did not begin it
_KEPT = 900.0  # seconds that a submission without a job is kept: a hanging sbatch may still be carried out
_SCHEDULER_WITHIN = 300.0  # seconds that a job stays for notifications and further rounds
_INNOCENT = {"COMPLETED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "TIMEOUT", "DEADLINE", "REVOKED", ""}
_HELD_BY_SLURM = ("launch failed requeued held", "launch_failed_requeued_held", "JobHoldMaxRequeue")


def uses_slurm(queue: Queue, runs_dir: Path) -> bool:
    """Whether there is anything to reconcile."""
    return any(item.slurm is not None for item in queue.items) or bool(SlurmFiles(runs_dir).submissions())


def reconcile(runs_dir: Path, *, asked: bool = False, reader: SnapshotReader | None = None) -> str:
    """Bring Slurm to do what the queue says; returns why that was not possible, "" if it was.

    Unless `asked` for by a change, at most every two seconds. Another user than the queue's owner changes nothing.
    Raises RunError for a damaged queue.
    """
    queue = read_queue(runs_dir)
    if not uses_slurm(queue, runs_dir) or not _is_ours(runs_dir):
        return ""
    if not commands.is_available():
        return "Slurm's commands are not on this machine's PATH; submit from a login node of the cluster"
    try:
        with _alone(runs_dir, asked=asked) as mine:
            return _passes(runs_dir, reader or SnapshotReader()) if mine else ""
    except SlurmError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or runs_dir}: {error.strerror}"


def _passes(runs_dir: Path, reader: SnapshotReader) -> str:
    """One pass; another follows where jobs were cancelled, whose runs are submitted again in their new place."""
    for _ in range(_PASSES):
        one = _Reconciler(runs_dir, reader)
        words = one.work()
        if words or not one.cancelled:
            break
    return words


def forgive(runs_dir: Path) -> None:
    """Submit at the next pass what could not be submitted before: a person has asked for it."""
    if read_troubles(runs_dir):
        save_troubles({}, runs_dir)


def _is_ours(runs_dir: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return QueueFiles(runs_dir).queue.stat().st_uid == os.geteuid()
    return True


@contextlib.contextmanager
def _alone(runs_dir: Path, *, asked: bool) -> Iterator[bool]:
    """Whether it is our turn: nobody else reconciles, and unless `asked`, nobody has just done so."""
    files = SlurmFiles(runs_dir)
    files.folder.mkdir(exist_ok=True)
    descriptor = open_lock(files.lock)
    try:
        recent = abs(time.time() - os.fstat(descriptor).st_mtime) < _EVERY and os.fstat(descriptor).st_size > 0
        yield (asked or not recent) and lock_now(descriptor, patience=30.0 if asked else 0.0)
        with contextlib.suppress(OSError):
            os.pwrite(descriptor, b"-\n", 0)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Found:
    """What there is: the queue's entries, what has been submitted, and its jobs by token and task."""

    queue: Queue
    status: Mapping[str, ItemStatus]
    runs: Mapping[str, RunSnapshot]
    submissions: Sequence[Submission]
    jobs: Mapping[str, Mapping[int, Job]]

    def item(self, key: str) -> Item | None:
        return next((item for item in self.queue.items if item.key == key), None)


class _Reconciler:
    """One pass."""

    def __init__(self, runs_dir: Path, reader: SnapshotReader) -> None:
        self._runs_dir = runs_dir
        self._reader = reader
        self._troubles: dict[str, Trouble] = {}
        self._words: list[str] = []
        self._over: set[str] = set()  # runs whose job somebody cancelled before it had begun
        self.cancelled = False

    def work(self) -> str:
        submissions = read_submissions(self._runs_dir)  # before squeue: whose job is not there then, is gone
        listed = own_jobs().look(max_age=0.0)
        if listed.error:
            return listed.error
        queue = read_queue(self._runs_dir)
        runs = snapshots_of(queue.items, self._runs_dir, self._reader)
        status = {item.key: status_of(item, runs[item.key]) for item in queue.items}
        found = _Found(queue, status, runs, submissions, tasks_now(submissions, listed.jobs))
        before = read_troubles(self._runs_dir)
        self._troubles = {key: one for key, one in before.items() if key in status}
        found = self._with_ends_noted(found)
        entries = [self._entry(item, status[item.key]) for item in queue.items if item.key not in self._over]
        planned = plan(entries, found.submissions, found.jobs, policy=queue.policy, paused=queue.paused)
        try:
            self._act(planned, found)
        finally:
            if self._troubles != before:
                save_troubles(self._troubles, self._runs_dir)
        self._start_scheduler(found)
        return "; ".join(dict.fromkeys(self._words))

    def _start_scheduler(self, found: _Found) -> None:
        """Have notifications sent and further rounds queued, which the scheduler of this machine does, and ends."""
        rounds = found.queue.rounds
        looks = any(
            all(found.status[item.key].phase == "settled" for item in found.queue.items if item.study == study)
            for study, wanted in rounds.items()
            if not wanted.waits and not found.queue.paused
        )
        due = looks or is_due(found.queue, self._runs_dir, found.runs)
        if not due or scheduler_process(self._runs_dir) is not None:
            return
        with contextlib.suppress(RunError):
            if "SLURM_JOB_ID" not in os.environ:
                ensure_scheduler(self._runs_dir)
                return
            words = python_command("iqa_train.scheduler.scheduler", str(self._runs_dir.absolute()))
            with contextlib.suppress(subprocess.TimeoutExpired):  # what a job leaves behind is killed with it
                subprocess.run(words, timeout=_SCHEDULER_WITHIN, check=False)

    def _entry(self, item: Item, status: ItemStatus) -> Entry:
        trouble = self._troubles.get(item.key)
        barred = "" if trouble is None or (time.time() >= trouble.until and not trouble.given_up) else trouble.words
        return Entry(item, status.phase, status.tried, barred)

    # jobs that have ended

    def _with_ends_noted(self, found: _Found) -> _Found:
        """Note which jobs have ended without an attempt, each once."""
        kept = []
        for submission in found.submissions:
            jobs = found.jobs[submission.token]
            ended = [t for t, job in jobs.items() if answer_of(job).kind == "gone" and t not in submission.seen]
            for task in ended:
                self._note_end(submission, task, jobs[task], found)
            for job in jobs.values():
                self._release_held(submission, job)
            kept.append(self._saved(replace(submission, seen=(*submission.seen, *ended))) if ended else submission)
        return replace(found, submissions=kept)

    def _note_end(self, submission: Submission, task: int, job: Job, found: _Found) -> None:
        if task in submission.cancelled or task >= len(submission.tasks):
            return
        for key in submission.tasks[task]:
            item = found.item(key)
            if item is None or not submission.names(key, item.after) or found.status[key].phase != "waiting":
                continue
            if _has_attempt_of(found.runs[key], job.label):
                continue
            if job.state == "CANCELLED":
                record_cancelled(folder_of(item, self._runs_dir), job.label)
                self._over.add(key)
                continue
            output = SlurmFiles(self._runs_dir).folder / f"{job.array}_{task}.out"
            words = f"job {job.label} ended before it began the run ({job.state}); {output} may say why"
            self._note_trouble(key, words, item.retries, innocent=job.state in _INNOCENT)

    def _release_held(self, submission: Submission, job: Job) -> None:
        """Slurm holds a job that could not be launched; it may be launched elsewhere."""
        if job.state != "PENDING" or not any(words in job.reason for words in _HELD_BY_SLURM) or job.task is None:
            return
        key = submission.tasks[job.task][0]
        trouble = self._troubles.get(key)
        if trouble is None or time.time() >= trouble.until:
            commands.release([job.label])
            self._note_trouble(key, f"job {job.label}: {job.reason}; it has been released", 0, innocent=True)

    def _note_trouble(self, key: str, words: str, retries: int, *, innocent: bool, lasting: bool = False) -> None:
        before = self._troubles.get(key)
        tries = before.tries + 1 if before else 1
        pause = min(_AGAIN[0] * 2 ** (tries - 1), _AGAIN[1])
        given_up = not innocent and tries > retries
        hint = "; iqa-train queue resume submits it again" if given_up else ""
        self._troubles[key] = Trouble(words + hint, time.time() + pause, tries, given_up, lasting or given_up)

    # what the plan says

    def _act(self, planned: SlurmPlan, found: _Found) -> None:
        by_number = {one.job: one for one in found.submissions if one.job}
        by_number |= {job.array: s for s in found.submissions for job in found.jobs[s.token].values()}
        self._cancel(planned.cancel, by_number)
        for number in planned.hold:
            commands.hold([number])
            by_number[number] = self._saved(replace(by_number[number], held=True))
        for number in planned.release:
            commands.release([number])
            by_number[number] = self._saved(replace(by_number[number], held=False))
        for number, at_once in planned.throttles.items():
            commands.update(number, ArrayTaskThrottle=str(at_once))
            by_number[number] = self._saved(replace(by_number[number], at_once=at_once))
        for submission in planned.over:
            if submission.job or time.time() - submission.made > _KEPT:
                forget(submission, self._runs_dir)
        numbers: dict[int, str] = {}
        for k, order in enumerate(planned.submit):
            before = [numbers[n] for n in order.after_orders if n in numbers]
            if len(before) < len(order.after_orders):  # what it follows was refused: its turn is not known
                continue
            if number := self._submit(order, [*order.after, *before], found):
                numbers[k] = number
        for array in planned.depend:
            new = [n for k, n in numbers.items() if planned.submit[k].batch < by_number[array].batch]
            earlier = [*earlier_arrays(array, found.submissions, found.jobs), *new]
            with contextlib.suppress(SlurmError):  # it may have begun; a job whose turn has not come ends by itself
                commands.update(array, Dependency="afterany:" + ":".join(earlier))

    def _saved(self, submission: Submission) -> Submission:
        save(submission, self._runs_dir)
        return submission

    def _cancel(self, names: Sequence[str], by_number: dict[str, Submission]) -> None:
        """Cancel jobs that wait; that it was us is noted first."""
        self.cancelled = bool(names)
        tasks: dict[str, list[int]] = {}
        for name in names:
            number, _, task = name.partition("_")
            tasks.setdefault(number, []).append(int(task))
        for number, mine in tasks.items():
            known = by_number[number]
            by_number[number] = self._saved(replace(known, cancelled=tuple({*known.cancelled, *mine})))
        for first in range(0, len(names), 200):
            commands.scancel(names[first : first + 200], only_waiting=True)

    def _submit(self, order: Order, after: Sequence[str], found: _Found) -> str:
        """Submit an array; returns its number, "" if it was refused."""
        items = {key: item for task in order.tasks for key in task if (item := found.item(key)) is not None}
        first = items[order.tasks[0][0]]
        options: dict[str, Any] = first.slurm or {}
        submission = new_submission(
            order.tasks, {key: item.after for key, item in items.items()}, options, order.batch, found.queue.policy
        )
        submission = replace(submission, held=order.at_once == 0, at_once=order.at_once)
        save(submission, self._runs_dir)
        try:
            number = commands.sbatch(script_of(submission, first, self._runs_dir, after))
        except SlurmError as error:
            self._words.append(str(error))
            if not error.passing:  # else it may still be carried out
                forget(submission, self._runs_dir)
            for key, item in items.items():
                self._note_trouble(key, str(error), item.retries, innocent=True, lasting=not error.passing)
            return ""
        save(replace(submission, job=number), self._runs_dir)
        for key in items:
            if key in self._troubles and self._troubles[key].words.startswith("Slurm"):
                del self._troubles[key]
        return number


def _has_attempt_of(found: RunSnapshot, job: str) -> bool:
    """Whether the job has begun the run."""
    return any("slurm" in attempt.facts and attempt.facts["slurm"]["job"] == job for attempt in found.known_attempts)


def require_slurm() -> None:
    """Raise RunError where nothing can be submitted from here."""
    if not commands.is_available():
        raise RunError(
            "Slurm's sbatch is not on PATH here, so --backend slurm cannot submit; start from a login node of the "
            "cluster"
        )
