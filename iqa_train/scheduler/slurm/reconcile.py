"""Has Slurm carry out the queue: compares what is wanted with squeue and the run folders, and acts on the difference.

There is no daemon: every command, the console and the end of every job reconcile. It keeps nothing but the files of
`submissions`; if one is killed at any moment, the next continues. Two at once, where a lock reaches neither, may submit
a run twice, which costs a job that ends at once: an attempt is made by exclusive creation.
"""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.runs.layout import QueueFiles, SlurmFiles
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.scheduler.item_status import ItemStatus
from iqa_train.scheduler.queue import Item, Queue, read_queue
from iqa_train.scheduler.slurm.array_submitter import ArraySubmitter
from iqa_train.scheduler.slurm.cluster_look import ClusterLook, look_at_cluster
from iqa_train.scheduler.slurm.job_ends import note_ends
from iqa_train.scheduler.slurm.plan import Entry, SlurmPlan, answers, earlier_arrays, plan
from iqa_train.scheduler.slurm.start_scheduler import start_scheduler
from iqa_train.scheduler.slurm.submissions import (
    Submission,
    forget,
    save,
)
from iqa_train.scheduler.slurm.troubles import Troubles
from iqa_train.scheduler.slurm.turns import in_turn
from iqa_train.slurm import commands
from iqa_train.slurm.answer import answer_of
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import own_jobs

_PASSES = 3
_KEPT = 900.0  # seconds that a submission without a job is kept: a hanging sbatch may still be carried out


def uses_slurm(queue: Queue, runs_dir: Path) -> bool:
    """Whether there is anything to reconcile."""
    return any(item.slurm is not None for item in queue.items) or bool(SlurmFiles(runs_dir).submissions())


def reconcile(
    runs_dir: Path,
    *,
    asked: bool = False,
    forgiving: bool = False,
    ending: Mapping[str, str] | None = None,
    reader: SnapshotReader | None = None,
) -> str:
    """Bring Slurm to do what the queue says; returns why that was not possible, "" if it was.

    Unless `asked` for by a change, at most every two seconds; `forgiving`: also what was refused before is submitted,
    and nothing is put off. `ending`: the job whose last act this is, and the state that it ends in; it counts as ended.
    Another user than the queue's owner changes nothing.
    Raises RunError for a damaged queue.
    """
    queue = read_queue(runs_dir)
    if not uses_slurm(queue, runs_dir) or not _is_ours(runs_dir):
        return ""
    if not commands.is_available():
        return "Slurm's commands are not on this machine's PATH; submit from a login node of the cluster"
    passes = _Passes(runs_dir, reader or SnapshotReader())
    try:
        in_turn(runs_dir, passes.work, asked=asked, forgiving=forgiving, ending=ending)
        if passes.look is not None and start_scheduler(runs_dir, passes.look):
            in_turn(runs_dir, passes.work, asked=True, ending=ending)  # it has submitted while this job still counted
    except SlurmError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or runs_dir}: {error.strerror}"
    return passes.words


class _Passes:
    """Passes of this process; `words`: why the last was not possible, `look`: what it found."""

    def __init__(self, runs_dir: Path, reader: SnapshotReader) -> None:
        self.words = ""
        self.look: ClusterLook | None = None
        self._runs_dir = runs_dir
        self._reader = reader

    def work(self, ending: Mapping[str, str], forgiving: bool) -> None:
        """One pass; another follows where jobs were cancelled, whose runs are submitted again in their new place."""
        words = []
        for number in range(_PASSES):
            one = _Reconciler(self._runs_dir, self._reader, ending)
            words.append(one.work(forgiving=forgiving and number == 0))
            self.look = one.look
            if not one.cancelled:
                break
        self.words = "; ".join(dict.fromkeys(filter(None, words)))


def _is_ours(runs_dir: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return QueueFiles(runs_dir).queue.stat().st_uid == os.geteuid()
    return True


class _Reconciler:
    """One pass."""

    def __init__(self, runs_dir: Path, reader: SnapshotReader, ending: Mapping[str, str]) -> None:
        self._runs_dir = runs_dir
        self._ending = ending
        self.look = look_at_cluster(runs_dir, reader, ending)
        waiting = {key for key, status in self.look.status.items() if status.phase == "waiting"}
        self._troubles = Troubles(runs_dir, waiting)
        self.cancelled = False

    def work(self, *, forgiving: bool) -> str:
        """Act; returns why something was not possible."""
        self.look, over = note_ends(self.look, self._troubles, self._runs_dir)
        if forgiving:
            self._troubles.forgive()
        look = self.look
        entries = [
            self._entry(item, look.status[item.key], "" if forgiving else look.elsewhere.get(item.key, ""))
            for item in look.queue.items
            if item.key not in over
        ]
        planned = plan(
            entries, look.submissions, look.jobs, policy=look.queue.policy, paused=look.queue.paused, hurry=forgiving
        )
        submitter = ArraySubmitter(self._runs_dir, look, self._troubles)
        try:
            self._act(planned, submitter)
        finally:
            self._troubles.save()
            if planned != SlurmPlan():
                own_jobs().expire()  # else a job that was just released is shown as held by its owner
        words = [*submitter.refusals]
        if self._ending and (unknown := self._of_unknown_end(entries)):  # a later look is needed, and nobody's turn
            words.append(f"it is not known yet how {unknown} ended")
        return "; ".join(dict.fromkeys(words))

    def _entry(self, item: Item, status: ItemStatus, elsewhere: str) -> Entry:
        barred = self._troubles.bars(item.key, hurried=bool(self._ending))  # an end may have made room for it
        if elsewhere:
            barred = f"submitted to the cluster {elsewhere}"
        return Entry(item, status.phase, status.tried, barred, self._troubles.begin(item.key))

    def _of_unknown_end(self, entries: Sequence[Entry]) -> str:
        """A run whose job is not there any more, and which does not count as ended yet; "" for none."""
        mine = [entry for entry in entries if entry.item.slurm is not None and entry.phase == "running"]
        known = answers([entry.item for entry in mine], self.look.submissions, self.look.jobs)
        over = (e.item.key for e in mine if e.item.key not in known or known[e.item.key].kind == "gone")
        return next(over, "")

    def _act(self, planned: SlurmPlan, submitter: ArraySubmitter) -> None:
        found = self.look
        by_number = {one.job: one for one in found.submissions if one.job}
        by_number |= {job.array: s for s in found.submissions for job in found.jobs[s.token].values()}
        self._cancel(planned.cancel, by_number)
        for number in planned.hold:
            commands.hold([number])
            by_number[number] = self._saved(replace(by_number[number], held=True))
        for number in planned.release:
            commands.release([number])
            by_number[number] = self._saved(replace(by_number[number], held=False, released=True))
        for number, at_once in planned.throttles.items():
            commands.update(number, ArrayTaskThrottle=str(at_once))
            by_number[number] = self._saved(replace(by_number[number], at_once=at_once))
        for submission in planned.over:
            if submission.job in {label.partition("_")[0] for label in self._ending}:
                continue  # its last job is still there, and would be nobody's
            if submission.job or time.time() - submission.made > _KEPT:
                forget(submission, self._runs_dir)
        numbers: dict[int, list[str]] = {}
        for k, order in enumerate(planned.submit):
            if not all(n in numbers for n in order.after_orders):  # what it follows was refused: its turn is not known
                continue
            before = [number for n in order.after_orders for number in numbers[n]]
            if submitted := submitter.submit(order, [*order.after, *before]):
                numbers[k] = submitted
        for array in planned.depend:
            new = [n for k, some in numbers.items() for n in some if planned.submit[k].batch < by_number[array].batch]
            earlier = [*earlier_arrays(array, found.submissions, found.jobs), *new]
            with contextlib.suppress(SlurmError):  # it may have begun; a job whose turn has not come ends by itself
                commands.update(array, Dependency="afterany:" + ":".join(earlier))
        if not submitter.refusals:  # else what was refused needs the room, and may need those that are there
            submitter.follow_up([by_number[number] for number in dict.fromkeys(self._open_arrays())])
            with contextlib.suppress(SlurmError):  # Slurm removes them itself
                commands.scancel({one.follow_up for one in planned.over} & found.idle)

    def _open_arrays(self) -> list[str]:
        """The numbers of those that have been submitted before and have not ended."""
        jobs = (job for one in self.look.submissions for job in self.look.jobs[one.token].values())
        return [job.array for job in jobs if answer_of(job).kind in {"waiting", "running"}]

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
        if not names:
            return
        commands.hold(names)  # so that none of them begins from here on
        listed = own_jobs().look(max_age=0.0)
        if listed.error:
            raise SlurmError(listed.error, passing=True)  # the next pass does it again
        now = {job.label: job for job in listed.jobs}
        begun = [name for name in names if name in now and now[name].is_on_node]
        commands.scancel(name for name in names if name not in begun)
        commands.release(begun)  # a hold would outlive their requeueing
        for number, _, task in (name.partition("_") for name in begun):
            known = by_number[number]
            kept = tuple(one for one in known.cancelled if one != int(task))
            by_number[number] = self._saved(replace(known, cancelled=kept))


def require_slurm() -> None:
    """Raise RunError where nothing can be submitted from here."""
    if not commands.is_available():
        raise RunError(
            "Slurm's sbatch is not on PATH here, so --backend slurm cannot submit; start from a login node of the "
            "cluster"
        )
