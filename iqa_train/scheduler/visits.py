"""Remembers for a while that another user was on a GPU, who may be about to start the next program there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from iqa_train.scheduler.placement import DeviceSlots

WAIT = 30.0  # seconds without another user until a run may start on a GPU again


class Visits:
    """When another user was last seen on each GPU, and who."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, str]] = {}

    def note(self, key: str, others: str) -> str:
        """Who counts as being on the GPU `key` now that `others` are seen there: they, or who has just left."""
        now = self._clock()
        if others:
            self._seen[key] = (now, others)
        last, who = self._seen.get(key, (now - WAIT, ""))
        return who if now - last < WAIT else ""

    def kept(self, places: Sequence[DeviceSlots]) -> list[DeviceSlots]:
        """The places with those who have just left as if they were still there."""
        return [replace(place, others=self.note(place.device.key, place.others)) for place in places]
