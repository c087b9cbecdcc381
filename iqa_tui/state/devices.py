"""Readings of GPUs, CPU slots and the machine, with the last minute of each; of other nodes, what runs there noted."""

import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import psutil

from iqa_train.devices.inventory import Device, Inventory, inventory, inventory_of
from iqa_train.devices.leases import holders
from iqa_train.devices.nvml import GpuReading, Nvml, Sample
from iqa_train.runs.node_devices import NodeReader
from iqa_train.runs.state_names import ALIVE
from iqa_tui.state.board import DeviceLine, Devices, Host, NodeLine
from iqa_tui.state.device_users import device_users

if TYPE_CHECKING:
    from iqa_train.scheduler.overview import Row

_HISTORY = 60  # readings
_IDLE_INTERVAL = 6.0  # seconds between readings of the machine's load while no run is active: each costs a repaint


class DeviceReader:
    """Samples the driver at each reading. `nvml` may be shared within one thread."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._nodes = NodeReader()
        self._utilisation: dict[str, deque[float | None]] = defaultdict(lambda: deque(maxlen=_HISTORY))
        self._host: deque[float] = deque(maxlen=_HISTORY)
        self._host_read = Host()
        self._host_at = float("-inf")
        psutil.cpu_percent()  # the first call only starts the measurement

    def read(self, rows: Sequence["Row"], slots: int | None, runs_per_gpu: int = 1) -> Devices:
        """The devices now; `rows` say which of our runs uses which device."""
        sample = self._nvml.sample()
        available = inventory(slots) if slots is not None else inventory_of(sample)
        owners: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row.device and row.state in ALIVE:
                owners[row.device].append(row.experiment)
        pids = frozenset(row.pid for row in rows if row.pid is not None)
        return Devices(
            tuple(self._line(device, sample, owners, pids, runs_per_gpu) for device in available.devices),
            self._host_now(busy=bool(owners)),
            available.why_no_gpu,
            _problem(sample, available),
            self._nodes_now(rows),
        )

    def _nodes_now(self, rows: Sequence["Row"]) -> tuple[NodeLine, ...]:
        running = [(row.experiment, row.run.attempt(row.attempt)) for row in rows if row.state in ALIVE]
        now = time.time()
        return tuple(NodeLine(device, round(device.age(now))) for device in self._nodes.read(running))

    def _line(
        self,
        device: Device,
        sample: Sample,
        owners: Mapping[str, Sequence[str]],
        pids: Collection[int],
        runs_per_gpu: int,
    ) -> DeviceLine:
        our_runs = owners.get(device.label, ())
        places = runs_per_gpu if device.kind == "gpu" else 1
        users = tuple(our_runs) or tuple(holder.name for holder in holders(device.key, places=places))
        reading = _reading(device, sample)
        if reading is None:
            return DeviceLine(device, owners=users)
        utilisation = self._utilisation[device.key]
        if not sample.stale:
            utilisation.append(reading.utilisation)
        age = sample.age(time.monotonic()) if sample.stale else 0.0
        others = device_users(reading, pids, ours=bool(users))
        return DeviceLine(device, reading, users, others, tuple(utilisation), age)

    def _host_now(self, *, busy: bool) -> Host:
        now = time.monotonic()
        if busy or now - self._host_at >= _IDLE_INTERVAL:
            self._host_at = now
            self._host.append(round(psutil.cpu_percent()))
            memory = psutil.virtual_memory()
            self._host_read = Host(tuple(self._host), memory.total - memory.available, memory.total)
        return self._host_read


def _reading(device: Device, sample: Sample) -> GpuReading | None:
    return next((gpu for gpu in sample.gpus if device.kind == "gpu" and gpu.index == device.index), None)


def _problem(sample: Sample, available: Inventory) -> str:
    """What is wrong with the driver; `why_no_gpu` already covers a missing one."""
    return available.note or (sample.error if sample.stale else "")
