"""What a job knows of itself: from the environment that Slurm gives it, and what Slurm answers about it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iqa_train.errors import RunError
from iqa_train.slurm.commands import SHORT, SlurmError, call

_NOTHING = {"", "None", "N/A", "Unknown", "(null)"}
_USUAL_KILL_WAIT = 30.0


@dataclass(frozen=True)
class ThisJob:
    """The job that this process is part of. `restarts`: how often it had been requeued when this process started."""

    array: str
    task: int | None
    id: str
    restarts: int
    node: str
    partition: str
    cluster: str
    gpus: str  # those that Slurm gave, as CUDA_VISIBLE_DEVICES or, without that, SLURM_JOB_GPUS names them
    cpus: int

    @property
    def label(self) -> str:
        """What Slurm's commands call it: `17_3`. The number of one task of an array is that of the whole array."""
        return self.array if self.task is None else f"{self.array}_{self.task}"

    def facts(self, token: str) -> dict[str, Any]:
        """What runner.json says of it."""
        return {
            "job": self.label, "id": self.id, "restarts": self.restarts, "node": self.node,
            "partition": self.partition, "token": token,
        }  # fmt: skip


@dataclass(frozen=True)
class JobNow:
    """What Slurm says of a job: state and reason in its own words, and when its time is up (seconds since 1970)."""

    state: str
    reason: str
    restarts: int
    start: float | None
    end: float | None
    preempted: bool


def this_job(environment: Mapping[str, str] | None = None) -> ThisJob:
    """The job of `environment`, the caller's own by default. Raises RunError outside of a job."""
    given = os.environ if environment is None else environment
    number = given.get("SLURM_JOB_ID", "")
    if not number:
        raise RunError("this is not a job of Slurm's: SLURM_JOB_ID is not set; submit it with sbatch")
    task = given.get("SLURM_ARRAY_TASK_ID", "")
    return ThisJob(
        array=given.get("SLURM_ARRAY_JOB_ID") or number,
        task=int(task) if task.isdecimal() else None,
        id=number,
        restarts=_number(given.get("SLURM_RESTART_COUNT", ""), 0),
        node=given.get("SLURMD_NODENAME") or os.uname().nodename,
        partition=given.get("SLURM_JOB_PARTITION", ""),
        cluster=given.get("SLURM_CLUSTER_NAME", ""),
        gpus=given.get("CUDA_VISIBLE_DEVICES") or given.get("SLURM_JOB_GPUS", ""),
        cpus=max(1, _number(given.get("SLURM_CPUS_ON_NODE", ""), 1)),
    )


def ask_about(job: ThisJob, limit: float = SHORT) -> JobNow:
    """What Slurm says of it now, after `limit` seconds at most. Raises SlurmError."""
    return parse_job(call("scontrol", "-o", "show", "job", job.label, limit=limit))


def parse_job(text: str) -> JobNow:
    """From the output of `scontrol -o show job`, with times as seconds since 1970. Raises SlurmError for another."""
    found = dict(re.findall(r"(?<!\S)(\w+)=(\S*)", text.partition("\n")[0]))
    if "JobState" not in found:
        raise SlurmError("scontrol did not describe the job", text[:200])
    return JobNow(
        found["JobState"],
        "" if found.get("Reason", "") in _NOTHING else found["Reason"],
        _number(found.get("Restarts", ""), 0),
        _time(found.get("StartTime", "")),
        _time(found.get("EndTime", "")),
        found.get("PreemptTime", "") not in _NOTHING,
    )


def kill_wait() -> float:
    """Seconds between TERM and KILL when Slurm ends a job; the usual 30 where Slurm does not say."""
    try:
        found = re.search(r"^KillWait\s*=\s*(\d+)", call("scontrol", "show", "config", limit=SHORT), re.MULTILINE)
    except SlurmError:
        found = None
    return float(found[1]) if found else _USUAL_KILL_WAIT


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise


def _time(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
