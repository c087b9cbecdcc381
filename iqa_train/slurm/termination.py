"""Why Slurm ends a job that has got its TERM: cancelled, preempted, requeued, out of time, or its node has failed.

While a job is ending, squeue and scontrol say no more than COMPLETING (22.05). What tells the cases apart is the line
that slurmstepd writes into the job's output before it sends TERM, the count of restarts, and the time of preemption.
"""

import os
import re
import stat
from dataclasses import dataclass
from typing import Literal

from iqa_train.slurm.this_job import JobNow, ThisJob

Cause = Literal["cancelled", "preempted", "requeued", "time limit", "node failure", "unknown"]

_NOTICE = re.compile(rb"\*\*\* (?:JOB|STEP) [\d.]+ ON \S+ CANCELLED AT \S+(?: DUE TO ([^*]*?))? \*\*\*", re.IGNORECASE)
_DUE_TO: tuple[tuple[str, Cause], ...] = (
    ("PREEMPT", "preempted"), ("TIME LIMIT", "time limit"), ("NODE", "node failure"), ("REQUEUE", "requeued"),
)  # fmt: skip
_LAST = 1 << 16  # bytes of output that are searched
_LATE = 5.0  # seconds before the end of its time from which on a job that ends has run out of it


@dataclass(frozen=True)
class Termination:
    """Why a job ends."""

    cause: Cause
    words: str


class OwnOutput:
    """What is written into this process's standard error, a file, from now on."""

    def __init__(self, descriptor: int = 2) -> None:
        self._path = f"/proc/self/fd/{descriptor}"
        self._descriptor = descriptor
        self._begin = os.fstat(descriptor).st_size

    def notice(self) -> Cause | None:
        """The reason in slurmstepd's line; None without such a line."""
        try:
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                return None
            with open(self._path, "rb") as file:  # noqa: PTH123 (the link leads to a file that may have been renamed)
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, self._begin, size - _LAST))
                return cause_of(file.read())
        except OSError:
            return None


def cause_of(output: bytes) -> Cause | None:
    """The reason in the last of slurmstepd's lines in a job's output; None without one."""
    found = _NOTICE.findall(output)
    if not found:
        return None
    due_to = found[-1].decode(errors="replace").upper()
    return next((cause for word, cause in _DUE_TO if word in due_to), "cancelled")


def why_terminated(job: ThisJob, notice: Cause | None, answer: JobNow | None, now: float) -> Termination:
    """Why `job`, which was sent TERM, ends at `now` (seconds since 1970). `answer`: None if Slurm gave none."""
    restarts = answer is not None and answer.restarts > job.restarts
    cause = notice or _cause_in(answer, now)
    if restarts and cause in {"unknown", "cancelled"}:
        cause = "requeued"
    return Termination(cause, _words(job, cause))


def _cause_in(answer: JobNow | None, now: float) -> Cause:
    if answer is None:
        return "unknown"
    states = set(re.split(r"\W+", answer.state))
    if answer.preempted or "PREEMPTED" in states:
        return "preempted"
    if answer.reason == "TimeLimit" or states & {"TIMEOUT", "DEADLINE"}:
        return "time limit"
    if "NODE_FAIL" in states:
        return "node failure"
    if states & {"CANCELLED", "COMPLETING"}:
        return "cancelled"
    return "time limit" if answer.end is not None and now > answer.end - _LATE else "unknown"


def _words(job: ThisJob, cause: Cause) -> str:
    return {
        "cancelled": "cancelled with scancel",
        "preempted": f"job {job.label} was preempted",
        "requeued": f"job {job.label} was requeued",
        "time limit": f"the time limit of job {job.label} has passed",
        "node failure": f"Slurm gave node {job.node} up under job {job.label}",
        "unknown": f"job {job.label} was sent TERM",
    }[cause]
