"""What runs can be placed on: the GPUs that the driver shows, else slots of the CPU; and what a worker sees of it."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iqa_train.devices.nvml import GpuReading, Nvml, Sample

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Device:
    """One run's place."""

    kind: Literal["gpu", "cpu"]
    index: int  # as nvidia-smi counts GPUs (PCI order); the slot's number
    key: str  # what a lease is named by: the GPU's UUID, `cpu-0`
    name: str
    memory_total: int | None = None  # bytes
    memory_used: int | None = None  # bytes, of all processes
    lost: bool = False  # nothing may be started on it
    threads: int | None = None  # that a CPU slot has cores for; a run computes with as many as its settings say
    mig: bool = False
    note: str = ""  # what is wrong with it

    @property
    def label(self) -> str:
        """`GPU 0` or `CPU slot 0`."""
        return f"{'GPU' if self.kind == 'gpu' else 'CPU slot'} {self.index}"


@dataclass(frozen=True)
class Inventory:
    """The devices, all GPUs or all CPU slots. `note` names what in CUDA_VISIBLE_DEVICES had no effect."""

    devices: tuple[Device, ...]
    why_no_gpu: str = ""
    note: str = ""


def inventory(slots: int | None = None, nvml: Nvml | None = None) -> Inventory:
    """The GPUs that the driver and the caller's CUDA_VISIBLE_DEVICES show; without any, one CPU slot.

    With `slots`, that many CPU slots whatever GPUs there are. Raises ValueError for fewer than one.
    """
    if slots is not None:
        return Inventory(_cpu_slots(slots), "--slots was given")
    driver = nvml or Nvml()
    try:
        return inventory_of(driver.sample())
    finally:
        if nvml is None:
            driver.close()


def inventory_of(sample: Sample, environment: Mapping[str, str] | None = None) -> Inventory:
    """The same of a sample taken already; `environment` is the caller's, os.environ by default."""
    visible = (os.environ if environment is None else environment).get(_VISIBLE)
    allowed = [gpu for gpu in sample.gpus if not gpu.refused]
    chosen, note = _visible(allowed, visible)
    if chosen:
        return Inventory(tuple(_gpu_device(gpu, sample) for gpu in chosen), note=note)
    if allowed:
        why = note
    elif sample.gpus:
        why = "; ".join(f"GPU {gpu.index}: {gpu.note}" for gpu in sample.gpus)
    else:
        why = sample.error
    return Inventory(_cpu_slots(1), why)


def worker_environment(device: Device, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """`base` (os.environ by default) for a worker on `device`, which then sees that device and no other.

    On a CPU, libraries start with one thread whatever cores and slots there are: sums of several threads are rounded
    otherwise. `training.compute_device` gives torch the number that the run's settings name.
    """
    environment = dict(os.environ if base is None else base) | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if device.kind == "gpu":
        # by its UUID, so that nothing depends on the order in which anybody counts
        return environment | {_VISIBLE: device.key if device.key.startswith("GPU-") else str(device.index)}
    return environment | {_VISIBLE: "", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def foreign_memory(reading: GpuReading, own_pids: Collection[int]) -> int | None:
    """Bytes in use on a GPU by processes other than `own_pids`; None where that cannot be known.

    Memory in use that is not listed under one of `own_pids` belongs to others. A driver's own reserve of some MiB may
    be among it, and in a container whose processes the driver lists by the host's numbers, so is what we use ourselves.
    """
    if reading.memory_used is None:
        others = [p.memory for p in reading.processes or () if p.pid not in own_pids]
        return None if reading.processes is None or None in others else sum(memory or 0 for memory in others)
    if not own_pids:
        return reading.memory_used
    if reading.processes is None:
        return None
    ours = [p.memory for p in reading.processes if p.pid in own_pids]
    return None if None in ours else max(0, reading.memory_used - sum(memory or 0 for memory in ours))


def _gpu_device(gpu: GpuReading, sample: Sample) -> Device:
    return Device(
        "gpu",
        gpu.index,
        gpu.uuid or f"gpu-{gpu.index}",
        gpu.name,
        memory_total=gpu.memory_total,
        memory_used=gpu.memory_used,
        lost=gpu.lost or sample.stale,  # on a driver that has stopped answering no run would start
        mig=gpu.mig,
        note=gpu.note or sample.error,
    )


def _cpu_slots(slots: int) -> tuple[Device, ...]:
    if slots < 1:
        raise ValueError(f"{slots} CPU slots: there must be one at least")
    threads = max(1, len(os.sched_getaffinity(0)) // slots)
    return tuple(Device("cpu", k, f"cpu-{k}", "CPU", threads=threads) for k in range(slots))


def _visible(gpus: Sequence[GpuReading], setting: str | None) -> tuple[list[GpuReading], str]:
    """The GPUs that CUDA_VISIBLE_DEVICES names, in its order, and what in it was wrong.

    CUDA's rules: an entry that names no GPU hides itself and all that follow; a GPU named twice hides all. A number
    counts in PCI order here, as nvidia-smi does, even if CUDA_DEVICE_ORDER is CUDA's default, the fastest first.
    """
    if setting is None:
        return list(gpus), ""
    if not setting.strip():
        return [], f"{_VISIBLE} is empty, which hides every GPU"
    chosen: list[GpuReading] = []
    for entry in setting.split(","):
        gpu = _named(entry.strip(), gpus)
        if gpu is None:
            what = "a MIG instance, which runs are not placed on" if entry.strip().startswith("MIG-") else "no GPU here"
            return chosen, f"{_VISIBLE}={setting!r}: {entry.strip()!r} is {what}; it hides itself and all that follow"
        if gpu in chosen:
            return [], f"{_VISIBLE}={setting!r} names GPU {gpu.index} twice, which hides every GPU"
        chosen.append(gpu)
    return chosen, ""


def _named(entry: str, gpus: Sequence[GpuReading]) -> GpuReading | None:
    """The GPU that an entry of CUDA_VISIBLE_DEVICES names by its number or by an unambiguous start of its UUID."""
    number = re.match(r"\+?([0-9]+)", entry)  # CUDA too reads a number and lets be what follows it
    if number:
        return gpus[int(number[1])] if int(number[1]) < len(gpus) else None
    fits = [gpu for gpu in gpus if gpu.uuid.startswith(entry)] if entry.startswith("GPU-") else []
    return fits[0] if len(fits) == 1 else None
