"""Leases the device that a command works on."""

import argparse
import time
from collections.abc import Callable

from iqa_train.cli.parser import whole_number
from iqa_train.cli.text import say
from iqa_train.devices.inventory import Device, Inventory, inventory
from iqa_train.devices.leases import Holder, Lease, acquire, holders
from iqa_train.errors import UsageError

_POLL = 1.0


def add_device_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--gpu and --slots."""
    parser.add_argument("--gpu", type=whole_number(0), metavar="N", help="on GPU N alone, counted as nvidia-smi does")
    parser.add_argument("--slots", type=whole_number(1), metavar="N", help="on N slots of the CPU instead of GPUs")


def lease_device(
    holder: Holder, options: argparse.Namespace, look: Callable[[], None] = lambda: None
) -> tuple[Device, Lease]:
    """Lease the first free device; if there is none, say so and wait. `look` is called at each try, and may raise."""
    shown = ""
    while True:
        look()
        found = inventory(options.slots)
        usable = [d for d in found.devices if not d.lost and options.gpu in {None, d.index}]
        for device in usable:
            lease = acquire(device.key, holder)
            if lease is not None:
                return device, lease
        why = " or ".join(_taken(device) for device in usable) or "a device: " + _none(found)
        if why != shown:
            say(f"waiting for {why}")
        shown = why
        time.sleep(_POLL)


def check_gpu(gpu: int | None, slots: int | None) -> None:
    """Raise UsageError if this machine does not have the requested GPU."""
    if gpu is None:
        return
    if slots is not None:
        raise UsageError("--gpu cannot be combined with --slots, which are CPU slots")
    found = inventory()
    gpus = {device.index: device for device in found.devices if device.kind == "gpu"}
    if gpu not in gpus:
        there = "; ".join(f"{k}: {device.name}" for k, device in sorted(gpus.items()))
        hint = f" ({found.note})" if found.note else ""
        raise UsageError(
            f"--gpu {gpu}: this machine has {there or f'no GPU ({found.why_no_gpu})'}{hint}; leave --gpu out to "
            "use the available devices"
        )
    if gpus[gpu].lost:
        raise UsageError(f"--gpu {gpu}: {gpus[gpu].note}")


def _taken(device: Device) -> str:
    return f"{device.label} (leased by {', '.join(h.name for h in holders(device.key)) or 'another run'})"


def _none(found: Inventory) -> str:
    return "; ".join(f"{d.label}: {d.note}" for d in found.devices)
