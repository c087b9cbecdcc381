"""Other users' processes on a GPU, as far as the driver lists them with numbers that mean something here.

A process of another PID namespace has none: a container that does not see the host's processes recognises nobody.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_train.devices.nvml import GpuReading
from iqa_train.lockholder import user_name
from iqa_train.procfs import is_hidden
from iqa_train.text import join_names

_SERVICES = ("nvidia-cuda-mps",)  # starts of names: they compute for others, who have processes of their own
_MOST = 2  # named


@dataclass(frozen=True)
class OtherProcess:
    """Another user's process on a GPU. `user` is empty where the system hides whose it is."""

    pid: int
    user: str

    def __str__(self) -> str:
        return f"{self.user or 'another user'} (process {self.pid})"


def other_processes(reading: GpuReading, own: Callable[[], Collection[int]] = lambda: ()) -> tuple[OtherProcess, ...]:
    """Those on the GPU whose user is not this one, except `own`: of our runs, whichever user they have become."""
    found = [p for entry in reading.processes or () if entry.pid and (p := _of_another_user(entry.pid)) is not None]
    if not found:
        return ()
    ours = own()
    return tuple(process for process in found if process.pid not in ours)


def names_of(processes: Sequence[OtherProcess]) -> str:
    """`alice (process 12) and bob (process 34)`."""
    return join_names([str(process) for process in processes], _MOST)


def owner_of(pid: int) -> str:
    """The name of a process's user; empty where the system hides it, or the process is gone."""
    try:
        return user_name((Path("/proc") / str(pid)).stat().st_uid)
    except OSError:
        return ""


def is_service(pid: int) -> bool:
    """Whether it computes for others, who have processes of their own."""
    try:
        return (Path("/proc") / str(pid) / "comm").read_text().startswith(_SERVICES)
    except OSError:
        return False


def _of_another_user(pid: int) -> OtherProcess | None:
    """None for a process of this user, a service, and one that is gone."""
    folder = Path("/proc") / str(pid)
    try:
        status = (folder / "status").read_text()
        name = (folder / "comm").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return OtherProcess(pid, "") if is_hidden(pid) else None
    (user,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("Uid:"))
    if user == os.getuid() or name.startswith(_SERVICES):
        return None
    return OtherProcess(pid, user_name(user))
