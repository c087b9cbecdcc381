"""Which process it was, beyond doubt: host, boot, pid and creation time together. A pid alone is soon another's."""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProcessIdentity:
    """A process on some host, now or in the past.

    `created` counts the kernel's clock ticks from the boot to the process's start, which setting the clock does not
    change; None if it was gone before it could be read.
    """

    host: str
    boot_id: str
    pid: int
    created: int | None

    def as_json(self) -> dict[str, Any]:
        """The form in state files."""
        return asdict(self)

    @property
    def is_here(self) -> bool:
        """Whether it ran, or runs, on this host since its last boot."""
        return self.host == socket.gethostname() and self.boot_id == boot_id()

    @property
    def alive(self) -> bool:
        """Whether the very process lives, on this host: not one that has its pid now, nor a zombie."""
        return self.is_here and self.created is not None and _start_of(self.pid) == self.created


def identity_of(pid: int) -> ProcessIdentity:
    """The identity of a process of this host."""
    return ProcessIdentity(socket.gethostname(), boot_id(), pid, _start_of(pid))


def identity_from(facts: Mapping[str, Any], role: str) -> ProcessIdentity | None:
    """The identity that state file `facts` tell of `role` ("runner", "worker"); None if they do not."""
    told = facts.get(role)
    if not isinstance(told, dict) or not isinstance(told.get("pid"), int):
        return None
    return ProcessIdentity(str(facts.get("host")), str(facts.get("boot_id")), told["pid"], told.get("created"))


def boot_id() -> str:
    """Changes at every boot of the host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def me() -> ProcessIdentity:
    """This process."""
    return identity_of(os.getpid())


def _start_of(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None for no process or one that has ended. The name before it may hold anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])
