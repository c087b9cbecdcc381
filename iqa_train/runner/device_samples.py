"""Samples a run's device while it runs, into its attempt's folder: what a console far from the node has to go by.

A thread does it, so that a driver or a file system that hangs keeps nothing else of the runner waiting. What fails is
passed over: a sample is missing then.
"""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

import psutil

from iqa_train.devices.inventory import Device
from iqa_train.devices.nvml import GpuProcess, GpuReading, Nvml
from iqa_train.files import append_line
from iqa_train.runs.documents import DeviceSample
from iqa_train.runs.layout import Attempt

INTERVAL = 10.0  # seconds
_FIRST = 2.0  # seconds: what ends sooner is not worth a driver's start
_PATIENCE = 1.0  # seconds that the end of a run waits for a sample that is being taken


@contextmanager
def sampling(attempt: Attempt, device: Device, worker: int, node: str) -> Iterator[None]:
    """Sample `device` for the process `worker` and its descendants, two seconds from now and then every ten."""
    end = Event()
    thread = Thread(target=_sample_until, args=(end, attempt, device, worker, node), name="device samples", daemon=True)
    with suppress(RuntimeError):  # no thread to be had
        thread.start()
    try:
        yield
    finally:
        end.set()
        if thread.ident is not None:
            thread.join(_PATIENCE)


def _sample_until(end: Event, attempt: Attempt, device: Device, worker: int, node: str) -> None:
    load = _Load(worker)
    nvml = Nvml() if device.kind == "gpu" else None
    wait = _FIRST
    while not end.wait(wait):
        wait = INTERVAL
        with suppress(OSError, ValueError, psutil.Error):
            cores, resident = load.now()
            sample = DeviceSample(
                time=round(time.time(), 1), node=node, kind=device.kind, index=device.index, key=device.key,
                name=device.name, cores=cores, resident=resident,
            )  # fmt: skip
            if nvml is None:
                _add_cpu(sample)
            else:
                _add_gpu(sample, _reading(nvml, device), load.pids)
            if not end.is_set():
                append_line(attempt.devices, sample)
    if nvml is not None:
        nvml.close()


def _add_cpu(sample: DeviceSample) -> None:
    cores = sample["cores"]
    sample["utilisation"] = None if cores is None else round(100 * cores, 1)
    sample["memory_used"] = sample["resident"]
    sample["memory_total"] = psutil.virtual_memory().total


def _add_gpu(sample: DeviceSample, reading: GpuReading | None, own: Collection[int]) -> None:
    sample["utilisation"] = sample["memory_used"] = None
    if reading is None or reading.lost:
        return
    sample["utilisation"] = reading.utilisation
    sample["memory_used"] = reading.memory_used
    sample["memory_total"] = reading.memory_total
    sample["own_memory"] = _memory_of(own, reading.processes)
    sample["power"] = None if reading.power is None else round(reading.power, 1)
    sample["power_limit"] = reading.power_limit
    sample["temperature"] = reading.temperature
    sample["processes_of_others"] = _others_on(reading.processes)


def _reading(nvml: Nvml, device: Device) -> GpuReading | None:
    """The device's, if the driver has just reported it."""
    sample = nvml.sample()
    gpus = () if sample.stale else sample.gpus
    named = next((gpu for gpu in gpus if gpu.uuid == device.key), None)
    return named or next((gpu for gpu in gpus if not gpu.uuid and gpu.index == device.index), None)


def _memory_of(own: Collection[int], processes: tuple[GpuProcess, ...] | None) -> int | None:
    """What processes `own` hold of a GPU; None where the driver does not tell, or names processes by other numbers."""
    mine = [process.memory for process in processes or () if process.pid in own]
    known = [memory for memory in mine if memory is not None]
    return sum(known) if mine and len(known) == len(mine) else None


def _others_on(processes: tuple[GpuProcess, ...] | None) -> bool | None:
    """Whether a process of another user is on the GPU; None where that cannot be known."""
    if processes is None:
        return None
    if any(process.pid is not None and _is_of_another_user(process.pid) for process in processes):
        return True
    return None if any(process.pid is None for process in processes) else False


def _is_of_another_user(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid != os.geteuid()  # noqa: PTH116
    except OSError:
        return psutil.pid_exists(pid)  # where /proc hides a process that there is, it hides it as another user's


@dataclass
class _Load:
    """What a process and its descendants use of CPU and memory, since the last time it was asked."""

    worker: int
    pids: frozenset[int] = frozenset()
    _seconds: float = 0.0  # of CPU time, of processes and the children that they have buried
    _at: float = field(default_factory=time.monotonic)

    def now(self) -> tuple[float | None, int | None]:
        """Cores busy on average, and bytes resident, shared pages counted in each process. None: it has ended."""
        seconds, resident, found = 0.0, 0, set()
        for pid in _tree_of(self.worker):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                with process.oneshot():
                    seconds += sum(process.cpu_times()[:4])  # user, system, and both of ended children
                    resident += process.memory_info().rss
                found.add(pid)
        if not found:
            return None, None
        self.pids = frozenset(found)
        now = time.monotonic()
        used, passed = max(0.0, seconds - self._seconds), now - self._at
        self._seconds, self._at = seconds, now
        return (round(used / passed, 2) if passed > 0 else None), resident


def _tree_of(root: int) -> list[int]:
    """A process and its descendants. The kernel lists each one's children: a look at all of /proc takes tens of ms."""
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):  # noqa: PTH110
        return [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]
    tree = [root]
    for pid in tree:
        with suppress(OSError):  # it has just ended
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with open(f"/proc/{pid}/task/{thread}/children") as children:  # noqa: PTH123
                    tree += map(int, children.read().split())
    return tree
