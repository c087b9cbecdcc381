"""The devices that waiting runs wait for, and when the queue will be done. Imported only while a run is open."""

import time
from collections.abc import Mapping, Sequence

from iqa_train.devices.nvml import Nvml
from iqa_train.runs.progress import RunProgress
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.state_names import ALIVE
from iqa_train.scheduler.device_slots import list_device_slots, occupant_of
from iqa_train.scheduler.forecast import Forecast, forecast
from iqa_train.scheduler.item_status import ItemStatus
from iqa_train.scheduler.placement import DeviceSlots, QueueEntry
from iqa_train.scheduler.queue import Item, Queue

_MINUTE = 60.0


def device_slots(
    queue: Queue, status: Sequence[tuple[Item, ItemStatus]], found: Sequence[RunSnapshot], nvml: Nvml | None
) -> list[DeviceSlots]:
    """The devices, if a run waits for one: otherwise they are not needed, and asking a driver takes time."""
    if not any(s.phase == "waiting" and item.slurm is None for item, s in status):
        return []
    running = [(item, run) for (item, s), run in zip(status, found, strict=True) if s.phase == "running"]
    occupants = [use for item, run in running if (use := occupant_of(item, run)) is not None]
    driver = nvml or Nvml()
    try:
        waiting = [item for item, s in status if s.phase == "waiting" and item.slurm is None]
        return list_device_slots(queue.slots, queue.runs_per_gpu, occupants, driver, waiting)
    finally:
        if nvml is None:
            driver.close()


def forecast_queue(
    status: Sequence[tuple[Item, ItemStatus]],
    progress: Mapping[str, RunProgress],
    devices: Mapping[str, str],
    places: Sequence[DeviceSlots],
    policy: str,
) -> tuple[Forecast | None, bool]:
    """The forecast for the queue, and whether it is a guess; None if no run time is known yet.

    `progress` and `devices` (their labels) are by key of the item.
    """
    if any(s.state.suspended for _, s in status if s.phase == "running"):
        return None, False
    usual = [known.seconds for known in progress.values() if known.seconds]
    seconds: dict[str, float] = {}
    guessed = False
    for item, s in status:
        runs = s.phase == "running" and s.state.name in ALIVE
        known = progress[item.key].seconds_left if runs else None
        guess = max(usual) if usual else item.minutes * _MINUTE if item.minutes else None
        if s.phase != "settled" and known is None and guess is None:
            return None, False
        guessed |= s.phase != "settled" and known is None and not usual
        seconds[item.key] = known if known is not None else guess or 0.0
    labels = {place.device.label: place.device.key for place in places}
    running_on = {key: labels[label] for key, label in devices.items() if label in labels}
    entries = [QueueEntry(item, s.phase) for item, s in status]
    ahead = forecast(entries, places, seconds, policy=policy, running_on=running_on, clock=time.time())
    return ahead, guessed
