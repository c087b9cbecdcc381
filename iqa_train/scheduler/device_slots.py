"""The devices now: the room for runs on each, who holds it, and the memory that others use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from iqa_train.devices.inventory import Device, foreign_memory, inventory, inventory_of
from iqa_train.devices.leases import gpus_held_by, holders, login_name, room
from iqa_train.devices.nvml import GpuReading, Nvml
from iqa_train.devices.other_users import names_of, other_processes
from iqa_train.procfs import boot_id
from iqa_train.runner.environment import VISIBLE, visible_in
from iqa_train.runs.identity import identity_from, origin_from
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.scheduler.placement import DeviceSlots
from iqa_train.scheduler.queue import Item
from iqa_train.text import GIB


@dataclass(frozen=True)
class DeviceUse:
    """One of our runs on a device; `worker` is its worker's pid, None while it is unknown."""

    item: Item
    device_key: str
    worker: int | None


def occupant_of(item: Item, found: RunSnapshot) -> DeviceUse | None:
    """The device and the worker of an item that runs on this machine, as its last attempt names them."""
    facts = found.last.facts if found.last is not None else {}
    if "device" not in facts:
        return None
    origin, worker = origin_from(facts), identity_from(facts, "worker")
    if origin is not None and origin.boot_id != boot_id():  # on a device of another machine
        return None
    return DeviceUse(item, facts["device"]["key"], worker.pid if worker and worker.is_here else None)


def list_device_slots(
    slots: int | None, runs_per_gpu: int, occupants: Sequence[DeviceUse], nvml: Nvml, items: Iterable[Item]
) -> list[DeviceSlots]:
    """Every device that one of `items` may be placed on: those that its own CUDA_VISIBLE_DEVICES shows, or CPU slots.

    The CUDA_VISIBLE_DEVICES of this process counts for none of them, except of earlier versions, which recorded none.
    GPUs that other queues and commands of this user use are among them, shown to no item, where that counts (max_gpus).
    """
    waiting = list(items)
    if slots is not None:
        return [_place(device, runs_per_gpu, occupants, {}) for device in inventory(slots).devices]
    sample = nvml.sample()
    readings = {gpu.uuid: gpu for gpu in sample.gpus if gpu.uuid}
    devices: dict[str, Device] = {}
    shown: dict[str, set[str | None]] = {}
    for visible in dict.fromkeys(visible_in(item.environment) for item in waiting):
        for device in inventory_of(sample, {} if visible is None else {VISIBLE: visible}).devices:
            devices.setdefault(device.key, device)
            shown.setdefault(device.key, set()).add(visible)
    ours = {occupant.device_key for occupant in occupants}
    if any(item.local.max_gpus for item in waiting):
        ours |= gpus_held_by(login_name())
        for device in inventory_of(sample, {}).devices:
            if device.key in ours:
                devices.setdefault(device.key, device)
    polite = any(item.local.yield_to_others for item in waiting)
    places = [_place(device, runs_per_gpu, occupants, readings, polite=polite) for device in devices.values()]
    return [
        replace(place, shown_by=frozenset(shown.get(place.device.key, ())), ours=place.device.key in ours)
        for place in places
    ]


def _place(
    device: Device,
    runs_per_gpu: int,
    occupants: Sequence[DeviceUse],
    readings: Mapping[str, GpuReading],
    *,
    polite: bool = False,
) -> DeviceSlots:
    """With `polite`, other users' processes are looked for."""
    places = runs_per_gpu if device.kind == "gpu" else 1
    ours = [occupant for occupant in occupants if occupant.device_key == device.key]
    in_the_way = [holder.name for holder in holders(device.key, places=places)]
    names = in_the_way or [occupant.item.experiment for occupant in ours]
    reading = readings.get(device.key)
    return DeviceSlots(
        device,
        room=max(0, min(places - len(ours), 0 if in_the_way else places if places == 1 else room(device.key, places))),
        holders=tuple(dict.fromkeys(names)),
        others_gib=None if reading is None else _others_gib(reading, ours),
        ours_gib=sum(occupant.item.memory_gib for occupant in ours),
        others=names_of(other_processes(reading, lambda: _pids_of(ours))) if polite and reading is not None else "",
    )


def _others_gib(reading: GpuReading, ours: Sequence[DeviceUse]) -> float | None:
    used = foreign_memory(reading, _pids_of(ours))
    return None if used is None else used / GIB


def _pids_of(ours: Sequence[DeviceUse]) -> set[int]:
    """The workers and all that they have started."""
    workers = [occupant.worker for occupant in ours if occupant.worker is not None]
    return {pid for worker in workers for pid in (worker, *_descendants(worker))}


def _descendants(pid: int) -> list[int]:
    import psutil  # only for processes on a GPU: it takes long to import

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []
