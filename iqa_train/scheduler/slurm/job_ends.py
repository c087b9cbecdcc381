"""Notes the jobs that have ended without beginning their runs, and releases those that Slurm could not launch."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from iqa_train.runs.layout import SlurmFiles
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.scheduler.queue import Item, folder_of
from iqa_train.scheduler.slurm.cancelled import record_cancelled
from iqa_train.scheduler.slurm.cluster_look import ClusterLook
from iqa_train.scheduler.slurm.job_output import last_line
from iqa_train.scheduler.slurm.submissions import Submission, save
from iqa_train.scheduler.slurm.troubles import Troubles
from iqa_train.slurm import commands
from iqa_train.slurm.answer import answer_of
from iqa_train.slurm.jobs import Job

_INNOCENT = {"NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "TIMEOUT", "DEADLINE", "REVOKED", ""}
_CANCELLED = "was cancelled before it began"
_FORGOTTEN = "is gone without having begun, and was probably cancelled"
_HELD_BY_SLURM = ("launch failed requeued held", "launch_failed_requeued_held", "JobHoldMaxRequeue")


def note_ends(look: ClusterLook, troubles: Troubles, runs_dir: Path) -> tuple[ClusterLook, set[str]]:
    """Note each job that has ended, once; returns the look with that, and the runs that somebody has cancelled."""
    kept, over = [], set[str]()
    for submission in look.submissions:
        jobs = look.jobs[submission.token]
        ended = [t for t, job in jobs.items() if answer_of(job).kind == "gone" and t not in submission.seen]
        for task in ended:
            over |= _note_end(submission, task, jobs[task], look, troubles, runs_dir)
        how = _FORGOTTEN if submission.job in look.forgotten_arrays else _CANCELLED
        for task in _cancelled_unseen(submission, look, runs_dir):
            over |= _record_cancelled(submission, task, f"{submission.job}_{task}", look, runs_dir, how=how)
        for job in jobs.values():
            _release_held(submission, job, troubles)
        kept.append(replace(submission, seen=(*submission.seen, *ended)) if ended else submission)
        if ended:
            save(kept[-1], runs_dir)
    return replace(look, submissions=kept), over


def _note_end(
    submission: Submission, task: int, job: Job, look: ClusterLook, troubles: Troubles, runs_dir: Path
) -> set[str]:
    """Of the runs of one task that wait and have no attempt of this start of the job."""
    if task in submission.cancelled or task >= len(submission.tasks):
        return set()
    if job.state == "CANCELLED":
        return _record_cancelled(submission, task, job.label, look, runs_dir, job)
    not_due = _not_due(SlurmFiles(runs_dir).not_due(job.label, job.restarts))
    for item in _waiting(submission, task, look):
        if _has_attempt_of(look.runs[item.key], job):
            continue
        if item.key in not_due:
            troubles.note(item.key, f"job {job.label} found that it was not the run's turn")
            continue
        output = SlurmFiles(runs_dir).folder / f"{job.label}.out"
        said = last_line(output)
        why = f': "{said}" is the last line of {output}' if said else f"; {output} may say why"
        words = f"job {job.label} ended before it began the run ({job.state}){why}"
        troubles.note(item.key, words, retries=None if job.state in _INNOCENT else item.retries)
    return set()


def _not_due(file: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return file.read_text().splitlines()
    return []


def _waiting(submission: Submission, task: int, look: ClusterLook) -> list[Item]:
    """The items of a task whose runs wait for an attempt."""
    items = [look.items[key] for key in submission.tasks[task] if key in look.items]
    return [i for i in items if submission.names(i.key, i.after) and look.status[i.key].phase == "waiting"]


def _record_cancelled(
    submission: Submission,
    task: int,
    label: str,
    look: ClusterLook,
    runs_dir: Path,
    job: Job | None = None,
    how: str = _CANCELLED,
) -> set[str]:
    """End the runs of a task that somebody cancelled before it began them; returns their keys."""
    over = set()
    for item in _waiting(submission, task, look):
        if job is None or not _has_attempt_of(look.runs[item.key], job):
            record_cancelled(folder_of(item, runs_dir), label, how)
            over.add(item.key)
    return over


def _cancelled_unseen(submission: Submission, look: ClusterLook, runs_dir: Path) -> list[int]:
    """The tasks that were cancelled while they waited, of which Slurm keeps no record.

    Of an array that it lists others of, or as cancelled whole, or has forgotten. One that it may have lost is none.
    """
    listed = look.jobs[submission.token]
    if not submission.job or not (listed or submission.job in look.cancelled_arrays | look.forgotten_arrays):
        return []
    known = {*listed, *submission.seen, *submission.cancelled}
    folder = SlurmFiles(runs_dir).folder
    missing = (task for task in range(len(submission.tasks)) if task not in known)
    return [task for task in missing if not (folder / f"{submission.job}_{task}.out").exists()]


def _has_attempt_of(found: RunSnapshot, job: Job) -> bool:
    """Whether the job has begun the run, since it was last requeued."""
    known = [one.facts["slurm"] for one in found.known_attempts if "slurm" in one.facts]
    return any(facts["job"] == job.label and facts["restarts"] >= job.restarts for facts in known)


def _release_held(submission: Submission, job: Job, troubles: Troubles) -> None:
    """Slurm holds a job that could not be launched; it may be launched elsewhere, after a pause."""
    if job.state != "PENDING" or job.task is None or not any(words in job.reason for words in _HELD_BY_SLURM):
        return
    key = submission.tasks[job.task][0]
    if not troubles.bars(key) and not troubles.begin(key):
        commands.release([job.label])
        troubles.note(key, f"job {job.label}: {job.reason}; it has been released")
