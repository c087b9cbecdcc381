"""Finds and kills every process of an attempt, however deep and however detached."""

import contextlib
import os
import time
from pathlib import Path

import psutil

from iqa_train.runs.marks import MARK as MARK  # noqa: PLC0414 (found here, too)
from iqa_train.runs.marks import mark_for, mark_of, marked

_OF_OTHERS = frozenset({
    "iqa_train.scheduler.scheduler", "iqa_train.scheduler.detached_runner", "iqa_train.scheduler.slurm.job_runner",
    "iqa_train.execution.scheduler", "iqa_train.execution.detached",  # started before an upgrade
})  # fmt: skip
_PATIENCE = 10.0  # seconds in which killed processes must be gone


def processes_of(attempt: Path) -> list[psutil.Process]:
    """Those that carry the attempt's mark."""
    found = []
    for pid in marked(attempt):
        with contextlib.suppress(psutil.Error):  # gone
            found.append(psutil.Process(pid))
    return found


def kill_all(attempt: Path, *, own_children: bool = False) -> None:
    """Kill every process of the attempt, again until none is left: one may fork while it is looked for.

    With `own_children`, every descendant of this process too, which, as a subreaper, has inherited all orphans; but
    not what belongs to other runs.
    """
    deadline = time.monotonic() + _PATIENCE
    while victims := _living(attempt, own_children):
        for victim in victims:
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        if time.monotonic() > deadline:
            return  # in uninterruptible sleep: the kernel ends it when it can
        time.sleep(0.02)


def _living(attempt: Path, own_children: bool) -> list[psutil.Process]:
    found = {p.pid: p for p in processes_of(attempt)}
    if own_children:
        for child in psutil.Process().children():
            if not _is_of_others(child, attempt):
                found |= {p.pid: p for p in [child, *_descendants(child)]}
    return [p for p in found.values() if _is_living(p)]


def _is_of_others(process: psutil.Process, attempt: Path) -> bool:
    """Whether it is a scheduler that this runner has started in the place of a killed one, or an orphan of such a one:
    a runner, or with its runner killed as well, the worker of another attempt. They are to stay."""
    try:
        modules = _OF_OTHERS.intersection(process.cmdline())
    except psutil.Error:
        return False
    return bool(modules) or mark_of(process.pid) not in {None, mark_for(attempt)}


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _is_living(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind (Linux, prctl(2))."""
    import ctypes

    pr_set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def reap_orphans(keep: int = 0) -> None:
    """Take note of ended children other than `keep`, so that no zombie stays."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == keep:
            return
        os.waitpid(ended.si_pid, os.WNOHANG)
