"""When everything will be done: the placement, played forward in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iqa_train.scheduler.placement import DeviceSlots, QueueEntry, plan


@dataclass(frozen=True)
class Forecast:
    """Seconds from now at which each item starts and ends, by its key, and all of them are done.

    Items that cannot start on these places are left out, and `complete` is false.
    """

    starts: Mapping[str, float]
    ends: Mapping[str, float]
    complete: bool

    @property
    def seconds(self) -> float:
        """Until the last end."""
        return max(self.ends.values(), default=0.0)


def forecast(
    entries: Sequence[QueueEntry],
    places: Sequence[DeviceSlots],
    seconds: Mapping[str, float],
    *,
    policy: str,
    running_on: Mapping[str, str] | None = None,
) -> Forecast:
    """Play the plan forward. `seconds`: what each item has left; `running_on`: item key -> key of its device."""
    at = dict(running_on or {})
    now, phases = 0.0, {entry.item.key: entry.phase for entry in entries}
    ends = {key: seconds.get(key, 0.0) for key, phase in phases.items() if phase == "running"}
    starts = dict.fromkeys(ends, 0.0)
    room = {place.device.key: place.room for place in places}
    while True:
        ours = {p.device.key: 0.0 for p in places}
        for entry in entries:
            if phases[entry.item.key] == "running" and at.get(entry.item.key) in ours:
                ours[at[entry.item.key]] += entry.item.memory_gib
        seats = [replace(p, room=room[(key := p.device.key)], others_gib=None, ours_gib=ours[key]) for p in places]
        now_entries = [QueueEntry(entry.item, phases[entry.item.key]) for entry in entries]
        for start in plan(now_entries, seats, policy=policy).starts:
            key = start.item.key
            phases[key], at[key] = "running", start.device.key
            room[start.device.key] -= 1
            starts[key], ends[key] = now, now + seconds.get(key, 0.0)
        running = [key for key, phase in phases.items() if phase == "running"]
        if not running:
            return Forecast(starts, ends, all(phase == "settled" for phase in phases.values()))
        now = max(now, min(ends[key] for key in running))
        for key in [k for k in running if ends[k] <= now]:
            phases[key] = "settled"
            if at.get(key) in room:
                room[at[key]] += 1
