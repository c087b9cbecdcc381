"""Which GPUs there are, asked of the driver without torch."""

import os

from iqa_train.errors import UsageError


def gpu_names() -> tuple[list[str], str]:
    """Names of this machine's GPUs in PCI order, and why there are none, if so."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], str(error)
    try:
        count = pynvml.nvmlDeviceGetCount()
        names = [pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(k)) for k in range(count)]
    except pynvml.NVMLError as error:
        return [], str(error)
    finally:
        pynvml.nvmlShutdown()
    return [n.decode() if isinstance(n, bytes) else n for n in names], "the driver sees none" if not names else ""


def gpu_environment(gpu: int | None) -> dict[str, str]:
    """The environment of a worker on GPU `gpu`; with None, the caller's own. Raises UsageError if it is not there."""
    environment = dict(os.environ)
    if gpu is None:
        return environment
    names, why = gpu_names()
    if not 0 <= gpu < len(names):
        there = "; ".join(f"{k}: {name}" for k, name in enumerate(names)) or f"no GPU ({why})"
        raise UsageError(f"--gpu {gpu}: this machine has {there}; leave --gpu out to train on what there is")
    return environment | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu)}
