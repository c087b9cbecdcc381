"""What the NVIDIA driver says of its GPUs: who they are, how busy they are, and what is wrong with them.

A thin layer over pynvml, without torch. A driver that fails is a value here and not an exception: what cannot be read
is None, never 0, and a sentence says why.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

FIRST_WAIT = 1.0  # seconds from a failure of the driver to the next attempt; doubled after each
LONGEST_WAIT = 60.0

# nvmlReturn_t, of nvml.h
_UNINITIALIZED = 1
_INVALID_ARGUMENT = 2
_NO_PERMISSION = 4
_DRIVER_NOT_LOADED = 9
_LIBRARY_NOT_FOUND = 12
_FUNCTION_NOT_FOUND = 13
_GPU_IS_LOST = 15
_RESET_REQUIRED = 16
_VERSION_MISMATCH = 18
_ARGUMENT_VERSION_MISMATCH = 25
_DEPRECATED = 26
_UNKNOWN = 999

_CURE = (
    "as in a container that has lost its GPU devices (systemctl daemon-reload on the host does that); restart the "
    "container"
)
_WHY = {
    _NO_PERMISSION: "no permission to talk to the NVIDIA driver: look at the rights of /dev/nvidia*",
    _DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded: its library is here, its kernel module is not; load it "
    "(modprobe nvidia) or reboot",
    _LIBRARY_NOT_FOUND: "the NVIDIA driver's library libnvidia-ml.so.1 was not found: there is no NVIDIA driver here, "
    "or the container was started without GPUs",
    _FUNCTION_NOT_FOUND: "the NVIDIA driver is too old for this program; update it",
    _VERSION_MISMATCH: "the NVIDIA driver was updated while the old kernel module is loaded; reboot",
    _UNKNOWN: f"the NVIDIA driver answers with an unknown error, {_CURE}",
}
_LOST = {
    _GPU_IS_LOST: "the GPU is lost: the driver cannot reach it any more; reset it or reboot, dmesg has the Xid",
    _RESET_REQUIRED: "the GPU must be reset (nvidia-smi --gpu-reset) before it can be used again",
    _UNKNOWN: f"the driver answers for this GPU with an unknown error, {_CURE}",
}
_NOT_THERE = {_FUNCTION_NOT_FOUND, _ARGUMENT_VERSION_MISMATCH, _DEPRECATED}
_ENDED = {_UNINITIALIZED, _DRIVER_NOT_LOADED, _VERSION_MISMATCH}
_MIG_NOTE = "MIG: divided into instances; only the memory of the whole GPU is shown"
_RESERVED_NOTE = "an old driver: memory in use includes what the driver keeps for itself"

# For each reading the calls that can give it, the best first: pynvml's function and names of its further arguments.
_CALLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "driver": (("nvmlSystemGetDriverVersion",),),
    "name": (("nvmlDeviceGetName",),),
    "uuid": (("nvmlDeviceGetUUID",),),
    "mig": (("nvmlDeviceGetMigMode",),),
    "memory": (("nvmlDeviceGetMemoryInfo", "nvmlMemory_v2"), ("nvmlDeviceGetMemoryInfo",)),
    "utilisation": (("nvmlDeviceGetUtilizationRates",),),
    "temperature": (
        ("nvmlDeviceGetTemperatureV", "NVML_TEMPERATURE_GPU"),
        ("nvmlDeviceGetTemperature", "NVML_TEMPERATURE_GPU"),
    ),
    "power": (("nvmlDeviceGetPowerUsage",),),
    "power limit": (("nvmlDeviceGetEnforcedPowerLimit",),),
    "processes": (("nvmlDeviceGetComputeRunningProcesses_v3",), ("nvmlDeviceGetComputeRunningProcesses_v2",)),
}
_DRIVER = -1  # stands for a GPU where the driver itself is asked


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU."""

    pid: int | None  # None: a process of another PID namespace, whose number means nothing here
    memory: int | None  # bytes

    @property
    def label(self) -> str:
        """`pid 1234` or `other (host PID)`."""
        return "other (host PID)" if self.pid is None else f"pid {self.pid}"


@dataclass(frozen=True)
class GpuReading:
    """One GPU at one moment; None is what the driver did not tell."""

    index: int  # as nvidia-smi counts
    uuid: str
    name: str
    utilisation: float | None = None  # percent
    memory_used: int | None = None  # bytes, of all processes
    memory_total: int | None = None  # bytes
    temperature: int | None = None  # degrees Celsius
    power: float | None = None  # watts
    power_limit: float | None = None  # watts
    processes: tuple[GpuProcess, ...] | None = None
    mig: bool = False
    lost: bool = False  # it was one of ours and cannot be reached: nothing may be started on it
    refused: bool = False  # the driver does not let this user have it
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """All GPUs at `time` (seconds, of time.monotonic). `error` says why there are none, or no newer readings."""

    time: float
    gpus: tuple[GpuReading, ...]
    error: str = ""
    driver: str = ""  # its version; empty when unknown

    @property
    def stale(self) -> bool:
        """Whether these are the last readings there were, of a driver that has since failed."""
        return bool(self.error and self.gpus)

    def age(self, now: float) -> float:
        """Seconds from these readings to `now`, of time.monotonic."""
        return max(0.0, now - self.time)


class Nvml:
    """A conversation with the driver, opened at the first sample. Not for several threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._api: Any = None  # pynvml, while the conversation is open
        self._last: Sample | None = None
        self._why = ""
        self._wait = FIRST_WAIT
        self._retry_at = float("-inf")
        self._absent: set[tuple[str, ...]] = set()  # calls that this driver does not have: asked for once
        self._identities: dict[int, tuple[str, str]] = {}
        self._answered: set[tuple[int, str]] = set()  # (GPU, reading), since the conversation was opened
        self._unknown: set[int] = set()  # GPUs that gave an unknown error in this sample
        self._silent: set[int] = set()  # those of them that had answered before

    def sample(self) -> Sample:
        """Read every GPU: milliseconds; up to seconds when the driver has first to be opened.

        Never raises for what the driver does. After a failure the last good sample comes again, with its own time and
        the reason, and the driver is tried again after 1, 2, 4... at most 60 seconds.
        """
        import pynvml  # 50 ms, and not for every command

        now = self._clock()
        if self._api is not None or now >= self._retry_at:
            try:
                if self._api is None:
                    pynvml.nvmlInitWithFlags(0)
                    self._api = pynvml
                self._last = self._read(now)
            except pynvml.NVMLError as error:
                self.close()
                self._why = _WHY.get(error.value, f"the NVIDIA driver answers: {_clean(str(error))}")
                self._retry_at = now + self._wait
                self._wait = min(2 * self._wait, LONGEST_WAIT)
            else:
                self._wait = FIRST_WAIT
                return self._last
        return replace(self._last, error=self._why) if self._last else Sample(now, (), self._why)

    def close(self) -> None:
        """End the conversation; the next sample would open it again."""
        api, self._api = self._api, None
        self._answered.clear()
        if api is not None:
            try:
                api.nvmlShutdown()
            except api.NVMLError:
                return

    def _read(self, now: float) -> Sample:
        """Raises NVMLError if the driver as a whole has failed."""
        self._unknown, self._silent = set(), set()
        driver = _clean(self._ask("driver", _DRIVER) or "")
        gpus = [self._gpu(index) for index in range(self._api.nvmlDeviceGetCount())]
        if gpus and self._silent >= {gpu.index for gpu in gpus}:
            raise self._api.NVMLError(_UNKNOWN)
        error = "" if gpus else "the NVIDIA driver is here, but shows no GPU"
        return Sample(now, tuple(gpus), error, driver)

    def _gpu(self, index: int) -> GpuReading:
        try:
            handle = self._api.nvmlDeviceGetHandleByIndex(index)
            uuid, name = (_clean(self._ask(what, index, handle) or "") for what in ("uuid", "name"))
            before = self._identities.get(index, ("", "GPU"))
            self._identities[index] = (uuid or before[0], name or before[1])
            reading = self._readings(index, handle)
        except self._api.NVMLError as error:
            if error.value in _ENDED:
                raise
            if error.value == _UNKNOWN:
                self._silent.add(index)
            note = _LOST.get(error.value, f"the driver refuses this GPU: {_clean(str(error))}")
            lost = error.value in _LOST
            return self._reading(index, lost=lost, refused=not lost, note=note)
        measured = (reading.utilisation, reading.memory_used, reading.temperature, reading.power, reading.processes)
        if index in self._unknown and all(value is None for value in measured):
            self._silent.add(index)
            return replace(reading, lost=True, note=_LOST[_UNKNOWN])
        return reading

    def _readings(self, index: int, handle: Any) -> GpuReading:  # noqa: ANN401 (a C pointer)
        mode = self._ask("mig", index, handle)
        memory = self._ask("memory", index, handle)
        used, total = (None, None) if memory is None else (_known(memory.used, 64), _known(memory.total, 64))
        if mode and mode[0] == 1:
            return self._reading(index, memory_used=used, memory_total=total, mig=True, note=_MIG_NOTE)
        rates = self._ask("utilisation", index, handle)
        power, limit = (_known(self._ask(what, index, handle), 32) for what in ("power", "power limit"))
        return self._reading(
            index,
            utilisation=None if rates is None else _known(rates.gpu, 32),
            memory_used=used,
            memory_total=total,
            temperature=_known(self._ask("temperature", index, handle), 32),
            power=None if power is None else power / 1000,
            power_limit=None if limit is None else limit / 1000,
            processes=_processes(self._ask("processes", index, handle)),
            note="" if memory is None or hasattr(memory, "reserved") else _RESERVED_NOTE,
        )

    def _reading(self, index: int, **values: Any) -> GpuReading:  # noqa: ANN401
        """A reading of the GPU as it was last known: one that is lost does not even tell its name."""
        uuid, name = self._identities.get(index, ("", "GPU"))
        return GpuReading(index, uuid, name, **values)

    def _ask(self, what: str, gpu: int, handle: Any = None) -> Any:  # noqa: ANN401 (as pynvml has it)
        """One reading, by the best call that this driver has; None where it has no answer.

        Raises NVMLError if that means that the GPU or the driver is gone.
        """
        for call in _CALLS[what]:
            function, *arguments = (getattr(self._api, name, None) for name in call)
            if call in self._absent or function is None or None in arguments:
                continue
            try:
                answer = function(*([] if gpu == _DRIVER else [handle]), *arguments)
            except UnicodeDecodeError as error:  # pynvml decodes names strictly
                answer = error.object
            except self._api.NVMLError as error:
                if error.value in _NOT_THERE:
                    self._absent.add(call)
                    continue
                if error.value == _INVALID_ARGUMENT:  # a driver between two versions of a call
                    continue
                if error.value in _ENDED or error.value in {_GPU_IS_LOST, _RESET_REQUIRED}:
                    raise
                if error.value == _UNKNOWN:
                    self._unknown.add(gpu)
                    if (gpu, what) in self._answered:
                        self._silent.add(gpu)
                return None
            self._answered.add((gpu, what))
            return answer
        return None


def _processes(listed: Any) -> tuple[GpuProcess, ...] | None:  # noqa: ANN401 (pynvml's objects)
    if listed is None:
        return None
    import psutil  # most machines that ask have no GPU, and it takes long to import

    return tuple(GpuProcess(p.pid if p.pid and psutil.pid_exists(p.pid) else None, p.usedGpuMemory) for p in listed)


def _known(value: int | None, bits: int) -> int | None:
    """The value, or None for the driver's "not available": all bits set."""
    return None if value == (1 << bits) - 1 else value


def _clean(text: str | bytes) -> str:
    """Text fit for a terminal: decoded, without control characters."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return "".join(c for c in decoded if c.isprintable()).strip()
