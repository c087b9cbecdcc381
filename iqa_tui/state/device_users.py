"""Who uses a GPU beside our runs, in words: a GPU that anybody computes on is not free."""

from collections.abc import Collection

from iqa_train.devices.nvml import GpuProcess, GpuReading
from iqa_train.devices.other_users import is_service, other_processes, owner_of
from iqa_train.text import GIB

_IN_USE = 1 << 30  # bytes: an old driver counts up to some hundred MiB of its own


def device_users(reading: GpuReading, own: Collection[int], *, ours: bool) -> tuple[str, ...]:
    """Such as `alice pid 4321 18.6 GiB`; `own` are the processes of our runs.

    Where a run of ours is on the GPU (`ours`), only other users count: a driver that lists processes by numbers of
    another PID namespace names ours as it names theirs.
    """
    if ours:
        strangers = {process.pid for process in other_processes(reading, lambda: own)}
        return tuple(_words(process) for process in reading.processes or () if process.pid in strangers)
    found = [p for p in reading.processes or () if p.pid not in own and (p.pid is None or not is_service(p.pid))]
    if found:
        return tuple(map(_words, found))
    if reading.memory_used is not None and reading.memory_used >= _IN_USE:
        return (f"{reading.memory_used / GIB:.1f} GiB",)
    return ()


def _words(process: GpuProcess) -> str:
    who = "host PID" if process.pid is None else f"{owner_of(process.pid) or 'another user'} pid {process.pid}"
    return who if process.memory is None else f"{who} {process.memory / GIB:.1f} GiB"
