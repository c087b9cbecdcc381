"""The NVIDIA driver, and each GPU."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.devices.inventory import inventory_of
from iqa_train.devices.nvml import GpuReading, Nvml
from iqa_train.doctor.check_result import Checkup, Verdict, from_sentence
from iqa_train.text import plural

_NVIDIA, _DISPLAY = "0x10de", "0x03"
_READINGS = ("memory_used", "utilisation", "temperature", "power", "processes")


def check_gpus(root: Path) -> Iterator[Checkup]:
    """Whether the driver answers, and what each GPU lacks. Without a GPU on the bus there is only a note."""
    nvml = Nvml()
    sample = nvml.sample()
    nvml.close()
    if not sample.gpus:
        verdict: Verdict = "note"
        if sample.driver or _gpu_on_the_bus(root):
            verdict = "warning"
        elif _has_driver_library():
            verdict = "error"
        yield from_sentence("gpu", verdict, sample.error)
        return
    for gpu in sample.gpus:
        yield from _one_gpu(gpu)
    found = inventory_of(sample)
    hidden = found.note or found.why_no_gpu
    if hidden:
        yield from_sentence("gpu", "warning", hidden)
    well = sum(not (gpu.lost or gpu.refused) for gpu in sample.gpus)
    if well:
        total = len(sample.gpus)
        count = (f"{well} of " if well < total else "") + plural(total, "GPU")
        yield Checkup("gpu", "ok", f"{count} can be used, NVIDIA driver {sample.driver or 'n/a'}")


def _one_gpu(gpu: GpuReading) -> Iterator[Checkup]:
    if gpu.lost or gpu.refused:
        yield from_sentence("gpu", "error" if gpu.lost else "warning", f"GPU {gpu.index}: {gpu.note}")
        return
    if gpu.note:
        yield from_sentence("gpu", "note", f"GPU {gpu.index}: {gpu.note}")
    silent = [name.replace("_used", "") for name in _READINGS if getattr(gpu, name) is None]
    if gpu.mig:  # the whole GPU has only a memory
        silent = [name for name in silent if name == "memory"]
    if silent:
        needed = "memory" in silent  # runs are placed by it
        message = f"GPU {gpu.index}: the driver does not report its {', '.join(silent)}"
        yield Checkup("gpu", "warning" if needed else "note", message)


def _gpu_on_the_bus(root: Path) -> bool:
    """Whether the PCI bus has a display or compute card of NVIDIA's, driver or not."""
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


def _has_driver_library() -> bool:
    import ctypes

    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True
