"""The mark by which every process of an attempt is known, however deep and however detached: in its environment.

It is set before the worker starts, so no process is without a record: not even that of a runner which was killed
between starting its worker and writing it down.
"""

import os
from pathlib import Path

from iqa_train.regular import real_path
from iqa_train.runs.layout import Attempt

MARK = "IQA_TRAIN_ATTEMPT"
"""In the environment of a worker and of all it starts: the attempt's folder."""


def mark_for(attempt: Path) -> str:
    """The value of MARK for an attempt's folder."""
    return str(real_path(attempt))


def mark_of(pid: int) -> str | None:
    """The mark that a process carries; None without one, and for one that is gone or another user's."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    start = f"{MARK}=".encode()
    return next(
        (os.fsdecode(variable.removeprefix(start)) for variable in variables if variable.startswith(start)), None
    )


def marked(attempt: Path) -> list[int]:
    """The processes that carry the mark of an attempt, setsid'ed grandchildren included; of this user, on this host.

    The same path may be another folder in another container: what counts is the folder that the process sees there.
    """
    mark = mark_for(attempt)
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and mark_of(pid) == mark and _sees(pid, attempt)]


def _sees(pid: int, folder: Path) -> bool:
    try:
        ours = folder.stat()
    except OSError:  # gone: only its name is left to go by
        return True
    try:
        return os.path.samestat(ours, Path(f"/proc/{pid}/root{real_path(folder)}").stat())
    except OSError:
        return False


def worker_of(attempt: Attempt) -> int | None:
    """The attempt's worker by its mark: the leader of its session that was started for this attempt; None for none."""
    return next((pid for pid in marked(attempt.folder) if _is_worker(pid, attempt)), None)


def _is_worker(pid: int, attempt: Attempt) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        leads = os.getsid(pid) == pid
    except OSError:
        return False
    name = os.fsencode(str(Path(attempt.folder.parent.name, attempt.folder.name)))
    return leads and any(word == name or word.endswith(b"/" + name) for word in words)
