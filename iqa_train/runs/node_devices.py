"""The devices of other nodes that runs are on, as these runs' own last samples show them: no other node is asked."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_train.runs.device_samples import last_samples
from iqa_train.runs.document_cache import DocumentCache
from iqa_train.runs.documents import DeviceSample
from iqa_train.runs.layout import Attempt

STALE = 60.0  # seconds: six samples have not come

Samples = Sequence[DeviceSample]


@dataclass(frozen=True)
class NodeDevice:
    """A GPU of a node, or its CPU; the figures as in `DeviceSample`, at `time` (seconds since 1970).

    Of a CPU they are sums over `runs`, and `utilisation` is in percent of one core. `past` is the utilisation of the
    last minutes, a value for each sample, the newest last.
    """

    node: str
    kind: str
    index: int
    name: str
    runs: tuple[str, ...]
    time: float
    utilisation: float | None
    memory_used: int | None
    memory_total: int | None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    processes_of_others: bool | None = None
    past: tuple[float | None, ...] = ()

    @property
    def label(self) -> str:
        """`GPU 0` or `CPU`."""
        return f"GPU {self.index}" if self.kind == "gpu" else "CPU"

    def age(self, now: float) -> float:
        """Seconds from the last sample to `now`; 0 where the node's clock is ahead of ours."""
        return max(0.0, now - self.time)


class NodeReader:
    """Reads the samples of running attempts, and a file again only when it has changed. Not for several threads."""

    def __init__(self) -> None:
        self._known: dict[str, DocumentCache] = {}

    def read(self, running: Iterable[tuple[str, Attempt]]) -> tuple[NodeDevice, ...]:
        """The devices of nodes other than this one, by node and number; `running` are runs' names and attempts."""
        caches, before = {}, self._known
        found: dict[tuple[str, str, str], list[tuple[str, Samples]]] = defaultdict(list)
        for name, attempt in running:
            path = str(attempt.devices)
            cache = caches[path] = before.get(path) or DocumentCache()
            samples = cache.read(path, _samples)
            if not isinstance(samples, tuple) or not samples:
                continue
            last = samples[-1]
            if not _is_here(last["node"]):
                key = last["key"] if last["kind"] == "gpu" else ""
                found[last["node"], last["kind"], key].append((name, samples))
        self._known = caches
        devices = [_gpu(group) if kind == "gpu" else _cpu(group) for (_, kind, _), group in found.items()]
        return tuple(sorted(devices, key=lambda device: (device.node, device.kind, device.index)))


def _samples(path: Path) -> tuple[DeviceSample, ...]:
    return last_samples(path)


def _is_here(node: str) -> bool:
    return node.partition(".")[0] == os.uname().nodename.partition(".")[0]


def _gpu(group: Sequence[tuple[str, Samples]]) -> NodeDevice:
    """What the newest of its runs' samples says of all that is on it."""
    samples = max((samples for _, samples in group), key=lambda samples: samples[-1]["time"])
    last = samples[-1]
    return NodeDevice(
        last["node"], "gpu", last["index"], last.get("name", ""), tuple(name for name, _ in group), last["time"],
        last.get("utilisation"), last.get("memory_used"), last.get("memory_total"), last.get("temperature"),
        last.get("power"), last.get("power_limit"), last.get("processes_of_others"),
        tuple(sample.get("utilisation") for sample in samples),
    )  # fmt: skip


def _cpu(group: Sequence[tuple[str, Samples]]) -> NodeDevice:
    lasts = [samples[-1] for _, samples in group]
    newest = max(lasts, key=lambda sample: sample["time"])
    shortest = min(len(samples) for _, samples in group)
    past = tuple(_sum(samples[k].get("utilisation") for _, samples in group) for k in range(-shortest, 0))
    return NodeDevice(
        newest["node"], "cpu", 0, "CPU", tuple(name for name, _ in group), newest["time"], past[-1],
        round(memory) if (memory := _sum(sample.get("memory_used") for sample in lasts)) is not None else None,
        newest.get("memory_total"), past=past,
    )  # fmt: skip


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
