"""When everything will be done: the placement, played forward in time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from iqa_train.scheduler.placement import DeviceSlots, QueueEntry, plan
from iqa_train.study.quiet_hours import quiet_until

_PATIENCE = 8 * 24 * 3600.0  # seconds without a start or an end: what did not start in a week of quiet hours never will

_TICK = 1e-3  # seconds: more than the rounding of a time.time()


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
    clock: float | None = None,
) -> Forecast:
    """Play the plan forward. `seconds`: what each item has left; `running_on`: item key -> key of its device.

    `clock` is time.time() now; without it, quiet hours do not count. Other users are thought away.
    """
    at = dict(running_on or {})
    elsewhere = {place.device.key for place in places if place.ours} - set(at.values())
    now, changed, played = 0.0, 0.0, {entry.item.key: entry for entry in entries}
    ends = {key: seconds.get(key, 0.0) for key, entry in played.items() if entry.phase == "running"}
    starts = dict.fromkeys(ends, 0.0)
    room = {place.device.key: place.room for place in places}
    while True:
        ours = {p.device.key: 0.0 for p in places}
        running = [entry.item for entry in played.values() if entry.phase == "running"]
        for item in running:
            if at.get(item.key) in ours:
                ours[at[item.key]] += item.memory_gib
        used = elsewhere | {at.get(item.key) for item in running}
        seats = [
            replace(p, room=room[(k := p.device.key)], others_gib=None, others="", ours_gib=ours[k], ours=k in used)
            for p in places
        ]
        moment = None if clock is None else clock + now
        for start in plan(list(played.values()), seats, policy=policy, now=moment).starts:
            key = start.item.key
            played[key], at[key] = QueueEntry(start.item, "running"), start.device.key
            room[start.device.key] -= 1
            starts[key], ends[key] = now, now + seconds.get(key, 0.0)
            running.append(start.item)
            changed = now
        waking = _quiet_ends(played.values(), clock + now) if clock is not None and now < changed + _PATIENCE else []
        if not running and not waking:
            return Forecast(starts, ends, all(entry.phase == "settled" for entry in played.values()))
        now = max(now, min([*(ends[item.key] for item in running), *(now + ahead for ahead in waking)]))
        for item in running:
            if ends[item.key] <= now:
                played[item.key], changed = QueueEntry(item, "settled"), now
                if at.get(item.key) in room:
                    room[at[item.key]] += 1
        played = _without_settled_batches(played)


def _quiet_ends(entries: Iterable[QueueEntry], moment: float) -> list[float]:
    """In how many seconds the quiet hours have ended in which runs wait at `moment`."""
    waiting = [entry.item for entry in entries if entry.phase == "waiting" and entry.item.slurm is None]
    hours = {item.local.quiet_hours for item in waiting}
    return [end - moment + _TICK for texts in hours if (end := quiet_until(texts, moment)) is not None]


def _without_settled_batches(entries: dict[str, QueueEntry]) -> dict[str, QueueEntry]:
    """Without the batches before the first that is open: they have no say in what follows."""
    first = min((entry.item.batch for entry in entries.values() if entry.phase != "settled"), default=0)
    return {key: entry for key, entry in entries.items() if entry.item.batch >= first}
