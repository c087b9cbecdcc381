"""Where a job's runs are placed: the GPUs that Slurm gave it, or CPU places of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from iqa_train.devices.inventory import Device, inventory_of
from iqa_train.devices.nvml import Sample
from iqa_train.slurm.this_job import ThisJob
from iqa_train.text import plural

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Place:
    """Room for one run. `shared`: how many of our runs may hold the device at once."""

    device: Device
    shared: int = 1


def places_of(job: ThisJob, sample: Sample, runs: int, runs_per_gpu: int = 1) -> list[Place]:
    """Room for at most `runs` runs: on each GPU of the job as the driver shows it, else on the CPU.

    A job that was given no GPU has none, whatever GPUs its node has. GPUs that the driver does not show (made up for a
    test, say) count as CPU places; a job without GPUs has one for each of its cores.
    """
    devices = [] if not job.gpus else _gpus(sample, {_VISIBLE: job.gpus})
    if devices:
        return [Place(device, runs_per_gpu) for _ in range(runs_per_gpu) for device in devices][:runs]
    given = len(job.gpus.split(",")) * runs_per_gpu if job.gpus else job.cpus
    number = max(1, min(runs, given))
    name = re.sub(r"\W", "-", f"{job.cluster}-{job.label}-{job.restarts}".strip("-"))
    threads = max(1, job.cpus // number)
    return [Place(Device("cpu", k, f"cpu-{name}-{k}", "CPU", threads=threads)) for k in range(number)]


def no_gpu_words(job: ThisJob, sample: Sample, asked: int) -> str:
    """That the job was to have GPUs and none is usable, with the driver's reason; "" where that is not so."""
    asked = asked or len([name for name in job.gpus.split(",") if name])
    if not asked or (job.gpus and _gpus(sample, {_VISIBLE: job.gpus})):
        return ""
    found = inventory_of(sample, {_VISIBLE: job.gpus})
    why = found.why_no_gpu or "; ".join(filter(None, [found.note, *(device.note for device in found.devices)]))
    words = (why or "the driver lost them") if job.gpus else "Slurm gave it none"
    return f"job {job.label} asked for {plural(asked, 'GPU')}, none is usable: {words}"


def _gpus(sample: Sample, environment: Mapping[str, str]) -> list[Device]:
    """Those that the variable names. Where the driver keeps some from the job, CUDA numbers only the others."""
    if any(gpu.refused for gpu in sample.gpus):
        allowed = [gpu for gpu in sample.gpus if not gpu.refused]
        sample = replace(sample, gpus=tuple(replace(gpu, index=k) for k, gpu in enumerate(allowed)))
    found = inventory_of(sample, environment).devices
    return [device for device in found if device.kind == "gpu" and not device.lost]
