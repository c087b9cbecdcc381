"""The jobs of a user as squeue lists them: state, reason, node, times."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from iqa_train.slurm.commands import SHORT, SlurmError, call

_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_ENDED = frozenset({
    "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY",
    "REVOKED",
})  # fmt: skip

# What follows ":" is written behind the value, which is not cut off. What may hold anything comes last.
_FIELDS = (
    "arrayjobid", "arraytaskid", "jobid", "state", "nodelist", "starttime", "endtime", "restartcnt",
    "comment", "reason", "name",
)  # fmt: skip
_SEPARATOR = "|"
_FORMAT = ",".join(f"{field}:{_SEPARATOR}" for field in _FIELDS)
_FIELD = re.compile(r"(?<!\S)(\w+)=(\S*)")
_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?")
_NOTHING = frozenset({"", "(null)", "N/A", "NONE", "None", "Unknown", "n/a"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job, or a task of an array of jobs."""

    array: str
    """Number of the array; of a job that is none, its own."""
    task: int | None
    """Number within the array."""
    id: str
    """Number of the job; a task that has not been started yet has the array's."""
    state: str
    """PENDING, RUNNING, COMPLETED..."""
    reason: str
    """Why it waits (Priority, Resources...); empty if Slurm gives none."""
    node: str
    """The node, or several (n[1-2]); empty if none."""
    start: float | None
    """Seconds since 1970 at which it started or, while it waits, is expected to."""
    end: float | None
    """Seconds since 1970 at which it ended or, while it runs, its time is up."""
    restarts: int
    """How often it was requeued."""
    name: str
    comment: str

    @property
    def label(self) -> str:
        """What Slurm's commands call it: "17", "17_3"."""
        return self.array if self.task is None else f"{self.array}_{self.task}"

    @property
    def is_waiting(self) -> bool:
        """Whether it has not started, or waits to start again."""
        return self.state in _WAITING

    @property
    def has_ended(self) -> bool:
        """Whether it has ended and will not start again by itself."""
        return self.state in _ENDED

    @property
    def is_on_node(self) -> bool:
        """Whether it may have processes: it runs, starts, ends, is suspended, or has a state unknown here."""
        return not (self.is_waiting or self.has_ended)


def list_jobs(user: str) -> list[Job]:
    """Those of a user (name or number), with those that ended in the last minutes (MinJobAge). Raises SlurmError."""
    return parse_jobs(call("squeue", *list_arguments(user), limit=SHORT))


def list_arguments(user: str) -> list[str]:
    """The arguments of squeue whose output `parse_jobs` reads."""
    return ["-r", "-h", "-a", "-t", "all", "-u", user, "-O", _FORMAT]


def parse_jobs(text: str) -> list[Job]:
    """The jobs in what squeue wrote; lines of another kind (a cluster's name) are left out."""
    return [job for job in map(_parse, text.split("\n")) if job is not None]


def known_tasks(array: str) -> frozenset[int | None]:
    """The tasks of an array that the controller has, and that have not ended; {None} for a job that is none.

    For `scontrol` to confirm that what squeue does not list is gone. Raises SlurmError.
    """
    try:
        answer = call("scontrol", "-o", "show", "job", array, limit=SHORT)
    except SlurmError as error:
        if not error.passing and "invalid job id" in error.words.lower():
            return frozenset()
        raise
    return parse_tasks(answer)


def parse_tasks(text: str) -> frozenset[int | None]:
    """From the output of `scontrol -o show job`."""
    found = set[int | None]()
    for line in text.splitlines():
        fields = dict(_FIELD.findall(line))
        if fields.get("JobState", "COMPLETED") in _ENDED:
            continue
        expression = fields.get("ArrayTaskId", "").partition("%")[0]
        if "ArrayTaskId" not in fields or expression == "N/A":
            found.add(None)
        for first, last, step in _RANGE.findall(expression):
            found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return frozenset(found)


def _parse(line: str) -> Job | None:
    fields = line.split(_SEPARATOR, len(_FIELDS) - 1)
    if len(fields) < len(_FIELDS) or not fields[0].isdecimal():
        return None
    array, task, number, state, node, start, end, restarts, comment, reason, name = fields
    return Job(
        array, int(task) if task.isdecimal() else None, number, state.partition(" ")[0], _text(reason), _text(node),
        _time(start), _time(end), int(restarts) if restarts.isdecimal() else 0, name.removesuffix(_SEPARATOR),
        _text(comment),
    )  # fmt: skip


def _text(field: str) -> str:
    return "" if field in _NOTHING else field


@lru_cache(maxsize=4096)
def _time(field: str) -> float | None:
    """Seconds since 1970, which SLURM_TIME_FORMAT=%s asks for; else local time in ISO's form."""
    parsers: tuple[Callable[[str], float], ...] = (float, lambda text: datetime.fromisoformat(text).timestamp())
    for parse in parsers:
        try:
            return parse(field) or None
        except ValueError:
            continue
    return None
