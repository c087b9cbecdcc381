"""Slurm's answer on a run: it is running, it waits and why, it is gone; or it is not known what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from iqa_train.slurm.jobs import Job

Kind = Literal["running", "waiting", "gone", "unknown"]


@dataclass(frozen=True)
class Answer:
    """What Slurm says of a job: `job` as squeue names it (`17_3`), `state` and `reason` in Slurm's own words.

    `start` is when it began, or when Slurm expects it to (seconds since the epoch; None: not known).
    """

    kind: Kind
    job: str = ""
    state: str = ""
    reason: str = ""
    node: str = ""
    start: float | None = None
    end: float | None = None
    restarts: int = 0
    words: str = ""  # why it waits, for a person

    def as_json(self) -> dict[str, Any]:
        """The job of a run, as `iqa-train status --json` shows it."""
        named = {"id": self.job, "state": self.state or None, "reason": self.reason or None, "node": self.node or None}
        return {**named, "start": self.start}

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled it."""
        return self.kind == "gone" and self.state == "CANCELLED"


UNKNOWN = Answer("unknown")


def answer_of(job: "Job") -> Answer:
    """The answer that a line of squeue gives."""
    kind: Kind = "waiting" if job.is_waiting else "gone" if job.has_ended else "running"
    return Answer(kind, job.label, job.state, job.reason, job.node, job.start, job.end, job.restarts)


def job_named(label: object) -> tuple[str, int | None]:
    """Array and task that Slurm's commands call so: "17_3"."""
    array, _, task = str(label).partition("_")
    return array, int(task) if task.isdecimal() else None


def answer_on_attempt(facts: Mapping[str, Any], job: "Job | None", *, since: bool) -> Answer:
    """The answer on an attempt whose runner.json has `facts` of its job; `job` is what squeue lists of that now.

    `since`: squeue was asked after the attempt had begun. A job that waits with the restarts that the attempt counted
    is an older answer; one with more has been requeued, and what the attempt was is over.
    """
    if job is None:
        return Answer("gone", str(facts["job"])) if since else UNKNOWN
    answer = answer_of(job)
    if job.restarts > facts["restarts"]:
        return answer if answer.kind == "waiting" else Answer("gone", answer.job, "REQUEUED", restarts=job.restarts)
    if answer.kind == "waiting" or job.restarts < facts["restarts"]:
        return UNKNOWN
    return answer
