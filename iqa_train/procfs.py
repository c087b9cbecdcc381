"""What /proc says of processes: of which boot and PID namespace they are, and since when they run."""

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple


class ProcessStat(NamedTuple):
    """A living process: the kernel's letter for its state, and its start in clock ticks since the boot."""

    state: str
    created: int | None  # None: another user's process, which the system hides


@cache
def boot_id() -> str:
    """Changes at every boot of the host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_namespace() -> int:
    """The inode of this process's PID namespace: each container has one, unless it shares the host's."""
    return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 (it is no file)


def proc_is_ours() -> bool:
    """Whether /proc shows the processes of this process's PID namespace."""
    return Path("/proc/self").readlink().name == str(os.getpid())


def stat_of(pid: int) -> ProcessStat | None:
    """Fields 3 and 22 of /proc/<pid>/stat; None for no process or one that has ended. The name may hold anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ProcessStat("?", None) if is_hidden(pid) else None
    return None if fields[0] in {b"Z", b"X"} else ProcessStat(fields[0].decode(), int(fields[19]))


def is_hidden(pid: int) -> bool:
    """Whether a process of another user has this pid: /proc mounted with hidepid does not show it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False
