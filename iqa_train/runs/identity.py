"""Identifies a process beyond doubt: by boot, PID namespace, pid and creation time. A pid alone is soon reused.

The host's name is for people: two containers may share one, and a laptop may change its own. A process of another boot
or another PID namespace (another host, another container) cannot be seen from here, whatever its host is called.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from iqa_train.errors import RunError
from iqa_train.procfs import ProcessStat, boot_id, pid_namespace, proc_is_ours, stat_of
from iqa_train.runs.freezer import is_frozen


@dataclass(frozen=True)
class ProcessIdentity:
    """A process on some host, now or in the past.

    `created` counts the kernel's clock ticks from the boot to the process's start, which setting the clock does not
    change; None if it was gone before it could be read. `namespace` is the inode of its PID namespace; None in files
    of versions that did not write it, which are judged by the host's name instead. `pid` is None of a process that is
    only known to exist.
    """

    host: str
    boot_id: str
    pid: int | None
    created: int | None
    namespace: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in state files."""
        return asdict(self)

    @property
    def is_here(self) -> bool:
        """Whether it can be seen from here: it runs, or ran, in this boot and this PID namespace."""
        if self.boot_id != boot_id() or not proc_is_ours():
            return False
        return self.host == os.uname().nodename if self.namespace is None else self.namespace == pid_namespace()

    @property
    def alive(self) -> bool:
        """Whether this very process is alive here: not another with its pid, nor a zombie."""
        return self._stat() is not None

    @property
    def condition(self) -> str | None:
        """The kernel's letter for the state of the living process, F for a frozen one; None if it is not alive."""
        stat = self._stat()
        if stat is None or self.pid is None:
            return None
        return stat.state if stat.state in _STOPPED or not is_frozen(self.pid) else _FROZEN

    @property
    def suspended(self) -> bool:
        """Whether it is alive and stopped, by SIGSTOP, Ctrl-Z, a debugger or a frozen control group."""
        return self.condition in {*_STOPPED, _FROZEN}

    @property
    def may_be_an_earlier_boot(self) -> bool:
        """Whether it ran before the last boot of this host, or on another host of the same name."""
        return self.boot_id != boot_id() and self.host == os.uname().nodename

    @property
    def place(self) -> str:
        """Where it runs, for people, as seen from another place."""
        if self.boot_id == boot_id():
            return f"another container of this machine (host name {self.host})"
        return f"another host named {self.host}" if self.may_be_an_earlier_boot else f"host {self.host}"

    @property
    def where(self) -> str:
        """The same with its preposition."""
        return f"{'in' if self.boot_id == boot_id() else 'on'} {self.place}"

    def _stat(self) -> ProcessStat | None:
        stat = stat_of(self.pid) if self.is_here and self.pid is not None and self.created is not None else None
        return stat if stat is not None and stat.created in {self.created, None} else None


_STOPPED = {"T", "t"}
_FROZEN = "F"


def identity_of(pid: int) -> ProcessIdentity:
    """The identity of a process of this PID namespace."""
    stat = stat_of(pid)
    return ProcessIdentity(os.uname().nodename, boot_id(), pid, stat.created if stat else None, pid_namespace())


def identity_from(facts: Mapping[str, Any], role: str) -> ProcessIdentity | None:
    """The identity that state file `facts` give of `role` ("runner", "worker"); None if they do not."""
    entry = facts.get(role)
    pid = entry.get("pid") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or type(pid) is not int or pid < 1:
        return None
    return replace(_place_of(facts), pid=pid, created=entry.get("created"))


def _place_of(facts: Mapping[str, Any]) -> ProcessIdentity:
    """The place that state file `facts` give, as an identity without a pid."""
    namespace = facts.get("pid_namespace")
    known = namespace if isinstance(namespace, int) else None
    return ProcessIdentity(str(facts.get("host")), str(facts.get("boot_id")), None, None, known)


def origin_facts() -> dict[str, Any]:
    """The keys of a state file that identify the place of its processes."""
    return {"host": os.uname().nodename, "boot_id": boot_id(), "pid_namespace": pid_namespace()}


def origin_from(facts: Mapping[str, Any]) -> ProcessIdentity | None:
    """The place that state file `facts` give, as an identity without a pid; None if they give none."""
    if not isinstance(facts.get("host"), str) or not isinstance(facts.get("boot_id"), str):
        return None
    return _place_of(facts)


def this_process() -> ProcessIdentity:
    """This process."""
    return identity_of(os.getpid())


def suspension(process: ProcessIdentity | None, since: str = "") -> str:
    """That a process is suspended, since when if that is known, and what continues it; "" if it is not."""
    return "" if process is None else suspension_words(process.pid, process.condition, since)


def suspension_words(pid: int | None, condition: str | None, since: str = "") -> str:
    """The same of a process whose `condition` is known."""
    if condition == _FROZEN:
        return f"frozen{since} with its control group (process {pid}); thaw that group to continue it"
    if condition not in _STOPPED:
        return ""
    if condition == "t":
        return f"held by a debugger (process {pid})"
    return f"suspended{since} (process {pid}); `kill -CONT {pid}` continues it"


def require_own_proc() -> None:
    """Raise RunError where /proc shows another PID namespace: processes would be mistaken for others."""
    if not proc_is_ours():
        raise RunError(
            "/proc shows the processes of another PID namespace than this one's, so none of them can be watched or "
            "stopped; mount this one's: unshare --mount-proc, or mount -t proc proc /proc"
        )
