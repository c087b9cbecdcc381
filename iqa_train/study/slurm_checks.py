"""Audits what the jobs of a cluster are given. Their codes start with `slurm-`: they matter there alone."""

import subprocess
from collections.abc import Iterator
from functools import cache
from math import ceil

from iqa_train.errors import visible
from iqa_train.study.findings import Audited, Finding
from iqa_train.study.slurm_table import SlurmTable
from iqa_train.text import plural

PREFIX = "slurm-"

_GPU_OPTIONS = ("gpus-per-node", "gpus-per-task", "gpus-per-socket")
_CORE_OPTIONS = ("cpus-per-gpu", "exclusive", "ntasks-per-node", "threads-per-core")


def minutes_for_hours(audited: Audited) -> Iterator[Finding]:
    """Time limits such as "2:00", which Slurm reads as two minutes."""
    for name, table in audited.slurm.items():
        if table.minutes_and_seconds:
            first, second = table.time.split(":")
            read = f"{plural(int(first), 'minute')} and {plural(int(second), 'second')}"
            says = f'time = "{table.time}" is {read} to Slurm; for hours and minutes write "{table.time}:00"'
            yield Finding(f"{PREFIX}time", "warning", name, ("time",), says)


def without_resources(audited: Audited) -> Iterator[Finding]:
    """Jobs that ask for neither GPUs nor cores, which most sites give one core."""
    for name, table in audited.slurm.items():
        asked = {option for option, _ in table.options()}
        if not table.gpu_count and not asked.intersection(_GPU_OPTIONS):
            says = "jobs ask for no GPU, so runs train on the CPU of their node; gpus = 1 asks for one"
            yield Finding(f"{PREFIX}no-gpu", "note", name, ("gpus",), says)
        if table.cpus is None and not asked.intersection(_CORE_OPTIONS):
            says = "jobs ask for no number of cores, and most sites then give one; cpus = 8 asks for eight"
            yield Finding(f"{PREFIX}one-core", "note", name, ("cpus",), says)


def without_a_limit(audited: Audited) -> Iterator[Finding]:
    """Jobs that ask for no time: what a site then gives is often short, and a job of unknown length starts late."""
    for name, table in audited.slurm.items():
        if table.seconds is None:
            says = 'jobs ask for no time, and have what their partition gives; time = "8:00:00" asks for eight hours'
            yield Finding(f"{PREFIX}no-time", "note", name, ("time",), says)


def longer_than_the_limit(audited: Audited) -> Iterator[Finding]:
    """Runs that take longer than their jobs may."""
    for name, table in audited.slurm.items():
        if audited.minutes is None or table.seconds is None:
            continue
        jobs = ceil(audited.minutes * 60 * rounds(table) / (table.seconds - table.margin_seconds))
        if jobs > 1:
            runs = "a run takes" if table.runs_per_job == 1 else f"the {table.runs_per_job} runs of a job take"
            says = (
                f"{runs} about {audited.minutes * rounds(table):.0f} min and a job has {table.seconds / 60:.0f}; so it "
                f"writes checkpoints and is requeued {plural(jobs - 1, 'time')}"
            )
            yield Finding(f"{PREFIX}restarts", "note", name, ("time",), says)


def one_after_another(audited: Audited) -> Iterator[Finding]:
    """Jobs of more runs than they have GPUs for."""
    for name, table in audited.slurm.items():
        if rounds(table) > 1:
            says = (
                f"the {table.runs_per_job} runs of a job have {plural(table.gpu_count, 'GPU')}, and follow one another "
                "there; with --runs_per_gpu N, N of them share a GPU"
            )
            yield Finding(f"{PREFIX}packing", "note", name, ("runs_per_job", "gpus"), says)


def setup_that_no_shell_reads(audited: Audited) -> Iterator[Finding]:
    """Lines of `setup` that bash cannot read: an `if` or a here-document that is left open."""
    for name, table in audited.slurm.items():
        if table.setup and (complaint := _bash_says("\n".join(table.setup))):
            says = f"bash cannot read the lines of setup: {complaint}"
            yield Finding(f"{PREFIX}setup", "error", name, ("setup",), says)


@cache
def _bash_says(lines: str) -> str:
    """What bash finds wrong with lines that it only parses; "" for nothing, or without a bash."""
    command = ["bash", "-n", "-c", lines]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    first = next((line for line in done.stderr.splitlines() if line.strip()), "")
    return visible(first.removeprefix("bash: ").removeprefix("-c: ").removeprefix("warning: "))


def rounds(table: SlurmTable) -> int:
    """How many runs follow one another on each GPU of a job."""
    return ceil(table.runs_per_job / table.gpu_count) if table.gpu_count else 1
