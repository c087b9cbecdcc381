"""Leases the device that a command works on."""

import argparse
import time
from collections.abc import Callable

from iqa_train.cli.parser import whole_number
from iqa_train.cli.text import say
from iqa_train.devices.inventory import Device, Inventory, inventory, inventory_of
from iqa_train.devices.leases import Holder, Lease, acquire, holders
from iqa_train.devices.nvml import Nvml, Sample
from iqa_train.devices.other_users import names_of, other_processes
from iqa_train.errors import UsageError
from iqa_train.limits import MOST_PLACES
from iqa_train.runner.polite import exceeds_limit
from iqa_train.scheduler.visits import Visits
from iqa_train.study.manners import UNLIMITED, Manners

_POLL = 1.0


def add_device_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--gpu and --slots."""
    parser.add_argument("--gpu", type=whole_number(0), metavar="N", help="on GPU N alone, counted as nvidia-smi does")
    parser.add_argument(
        "--slots", type=whole_number(1, MOST_PLACES), metavar="N", help="on N slots of the CPU instead of GPUs"
    )


def lease_device(
    holder: Holder,
    options: argparse.Namespace,
    look: Callable[[], None] = lambda: None,
    manners: Manners = UNLIMITED,
) -> tuple[Device, Lease]:
    """Lease the first free device; if there is none, say so and wait. `look` is called at each try, and may raise.

    Of `manners`, quiet hours do not count: they are for runs that nobody waits for.
    """
    shown, nvml, visits = "", Nvml(), Visits()
    while True:
        look()
        sample = nvml.sample()
        found = inventory_of(sample) if options.slots is None else inventory(options.slots)
        usable = [d for d in _in_order(found, options.gpu, manners) if not d.lost]
        reasons = []
        for device in usable:
            others = _others(device, sample) if manners.yield_to_others else ""
            if others := visits.note(device.key, others):
                reasons.append(f"{device.label}, used by {others}")
                continue
            lease = acquire(device.key, holder)
            if lease is None:
                reasons.append(_taken(device))
            elif exceeds_limit(device, manners):
                lease.close()
                reasons.append(f"another of your runs to end: max_gpus = {manners.max_gpus} is in use")
            else:
                nvml.close()
                return device, lease
        why = " or ".join(dict.fromkeys(reasons)) or _none(found, manners)
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


def _in_order(found: Inventory, gpu: int | None, manners: Manners) -> list[Device]:
    """The devices that may be used, the preferred first; what --gpu names is used whatever the order says."""
    order = manners.gpu_order
    if gpu is not None or not order:
        return [device for device in found.devices if gpu in {None, device.index}]
    allowed = [device for device in found.devices if device.kind != "gpu" or device.index in order]
    return sorted(allowed, key=lambda device: order.index(device.index) if device.index in order else 0)


def _others(device: Device, sample: Sample) -> str:
    reading = next((gpu for gpu in sample.gpus if device.kind == "gpu" and gpu.index == device.index), None)
    return names_of(other_processes(reading)) if reading is not None else ""


def _none(found: Inventory, manners: Manners) -> str:
    notes = "; ".join(f"{d.label}: {d.note}" for d in found.devices if d.note)
    order = " or ".join(f"GPU {gpu}" for gpu in manners.gpu_order)
    return f"a device: {notes}" if notes or not order else f"{order} (gpu_order), which is not there"
