"""Everything the console shows at one moment. Frozen: the watcher makes a new one, widgets only read.

Nothing slow is imported here at start: the first picture is drawn before the study is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.runs.state_names import OPEN

if TYPE_CHECKING:
    from iqa_train.devices.inventory import Device
    from iqa_train.devices.nvml import GpuReading
    from iqa_train.results.table import Curve, ResultRow, StudyResults
    from iqa_train.runs.layout import RunFolder
    from iqa_train.scheduler.overview import Row
    from iqa_train.study.audit import Finding
    from iqa_train.study.model import Study


@dataclass(frozen=True)
class Target:
    """Which study is watched and where its files lie; what the options of `iqa-tui` say."""

    runs_dir: Path = Path("runs")
    logs_dir: Path = Path("logs")
    study: str | None = None
    experiments: Path | None = None
    profile: str | None = None
    slots: int | None = None


@dataclass(frozen=True)
class RunLine:
    """One run: a line of the table. `row` is None for one that was never queued or started."""

    number: int  # from 1
    experiment: str
    seed: int
    title: str
    run: RunFolder
    row: Row | None = None
    result: ResultRow | None = None  # of the experiment, all its seeds; the same on each of their lines
    planned: bool = True  # the study file means it, with these very settings
    is_baseline: bool = False

    @property
    def key(self) -> str:
        """What distinguishes it from every other line."""
        return str(self.run.path)

    @property
    def state(self) -> str:
        """As `iqa-train status` calls it; empty for one that was never wanted."""
        return self.row.state if self.row else ""

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN

    @property
    def log(self) -> Path | None:
        """The log of its last attempt, if it came to have one."""
        return Path(self.row.log) if self.row and self.row.log else None


@dataclass(frozen=True)
class BatchLine:
    """A batch of the study file, and how far it is."""

    name: str
    experiments: tuple[str, ...]
    done: float  # 0 to 1: epochs done of epochs planned
    state: str  # waiting, running, done, stopped
    eta_s: float | None


@dataclass(frozen=True)
class DeviceLine:
    """A GPU or a CPU slot. `reading` is None for slots, and where the driver tells nothing."""

    device: Device
    reading: GpuReading | None = None
    owners: tuple[str, ...] = ()
    utilisation: tuple[float | None, ...] = ()  # percent, a value a second, the newest last
    memory: tuple[float | None, ...] = ()  # fraction in use, likewise
    age_s: float = 0.0  # of the reading


@dataclass(frozen=True)
class Host:
    """The machine itself: processors in percent of all of them, a value a second, the newest last; memory in bytes."""

    utilisation: tuple[float, ...] = ()
    memory_used: int = 0
    memory_total: int = 0


@dataclass(frozen=True)
class Devices:
    """All devices. `why_no_gpu` says why they are CPU slots, `trouble` what is wrong with the driver."""

    lines: tuple[DeviceLine, ...] = ()
    host: Host = Host()
    why_no_gpu: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Board:
    """All of it. `problem` is a sentence that says why what is shown may be old or missing."""

    study: str = ""
    title: str = ""
    dataset: str = ""
    baseline: str = ""
    metric: str = "srcc"
    lines: tuple[RunLine, ...] = ()
    batches: tuple[BatchLine, ...] = ()
    devices: Devices = field(default_factory=Devices)
    results: StudyResults | None = None
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # an experiment's verdict, in sentences
    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    policy: str = "batches"
    paused: bool = False
    scheduler_pid: int | None = None
    scheduler_suspended: str = ""  # that it is, and what continues it
    seconds_left: float | None = None
    problem: str = ""
    file: Study | None = None  # the study file, where there is one
    profile: str | None = None
    read: bool = False  # whether files have been read at all yet

    def line(self, key: str | None) -> RunLine | None:
        """The line of that key."""
        return next((line for line in self.lines if line.key == key), None)

    def with_devices(self, devices: Devices) -> Board:
        """The same with newer readings."""
        return replace(self, devices=devices)
