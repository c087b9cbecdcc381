"""Which queued run to start on which device: a pure function of the queue, the running runs and the free devices.

`batches`: a batch starts when all of the one before are settled, each run on the device that its batch names. `greedy`:
a free device takes the next run. A run's manners (`[local]`) hold under either policy. What is not started has a
reason, in words for a person.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from iqa_train.devices.inventory import Device
from iqa_train.runner.environment import VISIBLE, visible_in
from iqa_train.scheduler.item_status import Phase
from iqa_train.scheduler.queue import Item, batch_words
from iqa_train.text import GIB

_FREE_SHARE = 0.5  # of a GPU's memory must be free of others for a run that does not say how much it needs


@dataclass(frozen=True)
class QueueEntry:
    """An item of the queue and its phase."""

    item: Item
    phase: Phase


@dataclass(frozen=True)
class DeviceSlots:
    """A device now: its room for more of our runs, who holds it, how much of its memory others use.

    Memory is in GiB, None where it is not known; `ours_gib` is what our runs on it have declared.
    """

    device: Device
    room: int = 1
    holders: tuple[str, ...] = ()
    others_gib: float | None = None
    ours_gib: float = 0.0
    shown_by: frozenset[str | None] | None = None  # the values of CUDA_VISIBLE_DEVICES that show it; None: all do
    ours: bool = False  # a run of this user is on it, of whatever queue
    others: str = ""  # other users' processes on it

    @property
    def total_gib(self) -> float | None:
        """The device's memory."""
        return None if self.device.memory_total is None else self.device.memory_total / GIB


@dataclass(frozen=True)
class Start:
    """A run to start, and its device."""

    item: Item
    device: Device


@dataclass(frozen=True)
class Plan:
    """What to start now, in this order, and why every other waiting item waits, by its key."""

    starts: tuple[Start, ...] = ()
    waits: Mapping[str, str] = field(default_factory=dict)


def plan(
    entries: Sequence[QueueEntry],
    places: Sequence[DeviceSlots],
    *,
    policy: str = "batches",
    paused: bool = False,
    now: float | None = None,
) -> Plan:
    """What to start `now`, as time.time() counts; None: outside all quiet hours.

    No device is given to more runs than it has room for. Slurm's runs only bar later batches.
    """
    waiting = [entry.item for entry in entries if entry.phase == "waiting" and entry.item.slurm is None]
    if paused:
        return Plan(waits={item.key: "the queue is paused" for item in waiting})
    current = min((entry.item.batch for entry in entries if entry.phase != "settled"), default=0)
    earlier = batch_words([entry.item for entry in entries if entry.item.batch == current])
    table = _Table(places, {entry.item.gpu for entry in entries if entry.item.batch == current})
    starts, waits = [], {}
    quiet: dict[tuple[str, ...], str] = {}
    for item in waiting:
        if policy == "batches" and item.batch != current:
            waits[item.key] = f"waiting for {earlier}"
            continue
        manners = item.local
        if now is not None and manners.quiet_hours not in quiet:  # most runs have the same
            quiet[manners.quiet_hours] = manners.quiet_now(now)
        if why := quiet.get(manners.quiet_hours, ""):
            waits[item.key] = why
            continue
        device, why = table.seat(item, table.candidates(item, policy))
        if device is None:
            waits[item.key] = why
        else:
            starts.append(Start(item, device))
    return Plan(tuple(starts), waits)


def _shows(item: Item, place: DeviceSlots) -> bool:
    """Whether the command that queued the item could see the place."""
    return place.shown_by is None or visible_in(item.environment) in place.shown_by


def _is_gpu(place: DeviceSlots) -> bool:
    return place.device.kind == "gpu"


class _Table:
    """The places, and who has been given which in this plan."""

    def __init__(self, places: Sequence[DeviceSlots], named: Collection[int | None]) -> None:
        self._places = places
        self._named = named  # GPUs that the current batch gives to some run
        self._given: dict[str, list[Item]] = {place.device.key: [] for place in places}

    def candidates(self, item: Item, policy: str) -> list[DeviceSlots]:
        """The places where the item may run; a batch's GPU that is not there is replaced by one that is."""
        mine = [place for place in self._places if _shows(item, place)]
        if item.pinned:
            return [place for place in mine if place.device.index == item.gpu]
        order = item.local.gpu_order
        mine = [place for place in mine if not order or place.device.kind != "gpu" or place.device.index in order]
        mine.sort(key=lambda place: order.index(place.device.index) if place.device.index in order else 0)
        healthy = [place for place in mine if not place.device.lost] or mine
        healthy.sort(key=lambda place: len(self._given[place.device.key]) - place.room)  # most room first
        if policy != "batches" or item.gpu is None:
            return healthy
        named = [place for place in healthy if place.device.index == item.gpu]
        if item.local.yield_to_others and any(place.others for place in named):  # rather another one than to wait
            return sorted(healthy, key=lambda place: place.device.index in self._named)
        return named or [place for place in healthy if place.device.index not in self._named] or healthy

    def seat(self, item: Item, candidates: Iterable[DeviceSlots]) -> tuple[Device | None, str]:
        """A place that takes the item, or why none does."""
        reasons, limit = [], ""
        if item.local.max_gpus is not None and len(used := self._used()) >= item.local.max_gpus:
            limit = f"max_gpus = {item.local.max_gpus} is in use"
            candidates = [place for place in candidates if place.device.key in used or not _is_gpu(place)]
        for place in candidates:
            why = self._against(item, place)
            if not why:
                self._given[place.device.key].append(item)
                return place.device, ""
            reasons.append(why)
        if not reasons:
            return None, limit or self._nowhere(item)
        return None, (f"{limit}; " if limit else "") + "waiting for " + " or ".join(dict.fromkeys(reasons))

    def _used(self) -> set[str]:
        """The GPUs that our runs are on, or have been given in this plan."""
        return {p.device.key for p in self._places if _is_gpu(p) and (p.ours or self._given[p.device.key])}

    def _nowhere(self, item: Item) -> str:
        """Why there is no place at all."""
        if not item.pinned and item.local.gpu_order and self._places:
            named = " or ".join(f"GPU {gpu}" for gpu in item.local.gpu_order)
            return f"waiting for {named} (gpu_order), which is not there"
        if not item.pinned:
            return "there is no device"
        hidden = any(place.device.index == item.gpu for place in self._places)
        why = f"hidden by its {VISIBLE}={visible_in(item.environment)!r}" if hidden else "not there"
        return f"waiting for GPU {item.gpu}, which is {why}"

    def _against(self, item: Item, place: DeviceSlots) -> str:
        device, given = place.device, self._given[place.device.key]
        if device.lost:
            return f"{device.label}, which the driver has lost"
        if place.room <= len(given):
            names = [*place.holders, *(other.experiment for other in given)]
            return f"{device.label} (leased by {', '.join(names) or 'another run'})"
        if place.others and item.local.yield_to_others:
            return f"{device.label}, used by {place.others}"
        total, others = place.total_gib, place.others_gib
        if total is None:
            return ""
        if item.memory_gib:  # declared, so it counts whether or not the driver reports what others use
            ours, foreign = place.ours_gib + sum(other.memory_gib for other in given), others or 0.0
            if foreign + ours + item.memory_gib > total:
                mine = f" and {ours:.0f} by ours" if ours else ""
                return f"{_memory(device, foreign, total)}{mine}, {item.memory_gib:g} GiB needed"
        elif others is not None and others > total * (1 - _FREE_SHARE):
            return _memory(device, others, total)
        return ""


def _memory(device: Device, others: float, total: float) -> str:
    return f"memory on {device.label}: {others:.0f} of {total:.0f} GiB in use by others"
