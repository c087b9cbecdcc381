"""Finds processes that are frozen with their control group (`systemctl freeze`), which /proc does not show."""

from functools import cache
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")


def is_frozen(pid: int) -> bool:
    """Whether the control group of process `pid` is frozen; False where that cannot be read."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
    return any(_is_frozen(*line.split(":", 2)[1:]) for line in groups.splitlines() if line.count(":") >= 2)


def _is_frozen(controllers: str, group: str) -> bool:
    """Of a line of /proc/PID/cgroup: version 2 has no controllers, version 1 has one called freezer."""
    version = 2 if not controllers else 1 if "freezer" in controllers.split(",") else None
    mount = _mounts().get(version) if version else None
    if mount is None:
        return False
    name, sign = ("cgroup.events", "frozen 1") if version == 2 else ("freezer.state", "FROZEN")
    try:
        return sign in (mount / group.lstrip("/") / name).read_text().splitlines()
    except OSError:  # the root group has no such file
        return False


@cache
def _mounts() -> dict[int, Path]:
    """Where the control groups of version 2 and the freezer of version 1 are mounted."""
    found: dict[int, Path] = {}
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        if kind == "cgroup2" or (kind == "cgroup" and "freezer" in options.split()[-1].split(",")):
            found.setdefault(2 if kind == "cgroup2" else 1, Path(before.split()[4]))
    return found
