"""Gives a GPU to another user: ends an attempt, with a checkpoint, when another user's process computes on its GPU.

The runner itself looks, so that no scheduler need live; in a thread, so that a driver that hangs keeps it from nothing.
"""

import threading
import time
from pathlib import Path

import psutil

from iqa_train.devices.inventory import Device
from iqa_train.devices.nvml import Nvml
from iqa_train.devices.other_users import OtherProcess, names_of, other_processes
from iqa_train.runner.interruption import Interruption
from iqa_train.runner.running_attempt import RunningAttempt

CONFIRMATION = 3.0  # seconds for which others must be seen: who only lists the GPUs is gone by then
LONGEST = 40.0  # seconds for the checkpoint: with looks, confirmation and kill the GPU is free within 60
_EVERY = 1.0


class Presence:
    """Confirms that others stay."""

    def __init__(self) -> None:
        self._since: float | None = None  # since when others have been seen at every look

    def confirmed(self, others: bool, now: float) -> bool:
        """Whether they have been there for long enough at the look `now` (time.monotonic())."""
        if not others:
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since >= CONFIRMATION


class YieldToOthers:
    """An Interrupter for an attempt on the GPU `device`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._nvml = Nvml()
        self._thread: threading.Thread | None = None
        self._presence = Presence()
        self._confirmed: tuple[OtherProcess, ...] = ()

    def __call__(self, started: RunningAttempt) -> Interruption | None:
        """The interruption, once others are seen for long enough."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, args=(started.process.pid,), daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # this user has as many as it may
                self._thread = None
                self._look()
        if not self._confirmed:
            return None
        return Interruption(f"gave {self._device.label} to {names_of(self._confirmed)}", grace=LONGEST)

    def _watch(self, worker: int) -> None:
        while Path(f"/proc/{worker}").exists() and not self._confirmed:
            self._look()
            time.sleep(_EVERY)
        self._nvml.close()

    def _look(self) -> None:
        others = self._others()
        if self._presence.confirmed(bool(others), time.monotonic()):
            self._confirmed = others

    def _others(self) -> tuple[OtherProcess, ...]:
        sample = self._nvml.sample()
        if sample.stale:  # what was so before the driver failed is no news
            return ()
        key = self._device.key
        reading = next((gpu for gpu in sample.gpus if key in {gpu.uuid, f"gpu-{gpu.index}"}), None)
        return () if reading is None else other_processes(reading, _own_processes)


def _own_processes() -> set[int]:
    """All that this runner has started: as a subreaper, it is an ancestor of all of them."""
    return {process.pid for process in psutil.Process().children(recursive=True)}
