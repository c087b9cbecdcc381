"""Everything the console shows at one moment. Frozen: the watcher makes new boards, widgets only read them.

Imports nothing slow, so that the first screen appears before the study is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.runs.state_names import NOT_STARTED, OPEN

if TYPE_CHECKING:
    from iqa_train.devices.inventory import Device
    from iqa_train.devices.nvml import GpuReading
    from iqa_train.results.table import Curve, ResultRow, RunValue, StudyResults
    from iqa_train.runs.layout import RunFolder
    from iqa_train.runs.node_devices import NodeDevice
    from iqa_train.scheduler.overview import Row
    from iqa_train.study.findings import Finding
    from iqa_train.study.model import Study


@dataclass(frozen=True)
class Target:
    """The study to watch and where its files are, from the options of `iqa-tui`."""

    runs_dir: Path = Path("runs")
    logs_dir: Path = Path("logs")
    study: str | None = None
    experiments: Path | None = None
    profile: str | None = None
    slots: int | None = None


@dataclass(frozen=True)
class RunLine:
    """A run: a line of the table. `row` is None if it was never queued or started."""

    number: int  # from 1
    experiment: str
    seed: int
    title: str
    run: RunFolder
    row: Row | None = None
    result: ResultRow | None = None  # of the experiment over all its seeds; the same on each seed's line
    planned: bool = True  # the study file contains it with these settings
    is_baseline: bool = False
    own: RunValue | None = None  # this run in the experiment's results

    @property
    def key(self) -> str:
        """A unique key: the path of the run's folder."""
        return str(self.run.path)

    @property
    def state(self) -> str:
        """As `iqa-train status` names it; empty if the run was never queued."""
        return self.row.state if self.row else ""

    @property
    def state_name(self) -> str:
        """The state in a word, also of a run that was never queued."""
        return self.state or NOT_STARTED

    @property
    def state_words(self) -> str:
        """The state, with which attempt it is after ones that failed."""
        return self.row.state_words if self.row else NOT_STARTED

    @property
    def is_again(self) -> bool:
        """Whether it has a result of an earlier attempt, and is run again."""
        return self.row is not None and self.row.progress.again

    @property
    def external(self) -> bool:
        """Whether its predictions are imported, or are to be: there is nothing to run."""
        if self.row is not None:
            return self.row.kind.name == "external"
        return self.result is not None and self.result.external

    @property
    def is_open(self) -> bool:
        """Whether it is queued, starting or running."""
        return self.state in OPEN

    @property
    def log(self) -> Path | None:
        """The log of its last attempt, if there is one."""
        return Path(self.row.log) if self.row and self.row.log else None


@dataclass(frozen=True)
class BatchLine:
    """A batch of the study file and its progress."""

    name: str
    experiments: tuple[str, ...]
    done: float  # 0 to 1: epochs done of epochs planned
    state: str  # queued, running, done, or empty
    eta_s: float | None
    eta_is_guess: bool = False
    without_result: str = ""  # how its runs ended that have no result, in words


@dataclass(frozen=True)
class DeviceLine:
    """A GPU or a CPU slot. `reading` is None for slots, and for a GPU without readings."""

    device: Device
    reading: GpuReading | None = None
    owners: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # who else uses it, such as `alice pid 4321 18.6 GiB`
    utilisation: tuple[float | None, ...] = ()  # percent, one value per second, newest last
    age_s: float = 0.0  # of the reading


@dataclass(frozen=True)
class NodeLine:
    """A device of another node that runs are on, by their last samples; `age_s` is in whole seconds."""

    device: NodeDevice
    age_s: int

    @property
    def is_stale(self) -> bool:
        """Whether newer samples should have come."""
        from iqa_train.runs.node_devices import STALE

        return self.age_s > STALE


@dataclass(frozen=True)
class Host:
    """The machine: CPU use in percent of all cores, one value per second, newest last; memory in bytes."""

    utilisation: tuple[float, ...] = ()
    memory_used: int = 0
    memory_total: int = 0


@dataclass(frozen=True)
class Devices:
    """All devices. `why_no_gpu` explains CPU slots, `problem` what is wrong with the driver."""

    lines: tuple[DeviceLine, ...] = ()
    host: Host = Host()
    why_no_gpu: str = ""
    problem: str = ""
    nodes: tuple[NodeLine, ...] = ()


@dataclass(frozen=True)
class Board:
    """The whole state. `problem` is a sentence about why something shown may be outdated or missing."""

    study: str = ""
    title: str = ""
    dataset: str = ""
    baseline: str = ""
    metric: str = "srcc"  # of the results: the primary one
    lines: tuple[RunLine, ...] = ()
    batches: tuple[BatchLine, ...] = ()
    devices: Devices = field(default_factory=Devices)
    results: StudyResults | None = None
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # verdicts by experiment, in sentences
    curves: tuple[Curve, ...] = ()
    epochs: int = 0  # of the longest run, as planned
    expects: bool = False  # the study expects a value or a difference of an experiment
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    policy: str = "batches"
    paused: bool = False
    scheduler_pid: int | None = None
    needs_scheduler: bool = False  # a run waits for one, and none is running
    scheduler_suspended: str = ""  # a sentence if it is suspended
    slurm_silent: str = ""  # a sentence while Slurm does not answer
    seconds_left: float | None = None
    round_waits: str = ""  # what keeps the next round of the design from being queued, in a sentence
    more_rounds: bool = False  # the design wants further seeds
    problem: str = ""
    file: Study | None = None  # the study file, where there is one
    profile: str | None = None
    read: bool = False  # whether any files have been read yet

    @cached_property
    def has_seeds(self) -> bool:
        """Whether an experiment has several runs that count, so that the table opens into seeds."""
        names = [line.experiment for line in self.lines if line.planned]
        return len(set(names)) < len(names)

    @cached_property
    def _curves_by_name(self) -> Mapping[str, Curve]:
        return {curve.experiment: curve for curve in self.curves if curve.points}

    def curve_of(self, experiment: str) -> Curve | None:
        """Its values by epoch, if there are any."""
        return self._curves_by_name.get(experiment)

    @cached_property
    def srcc_range(self) -> tuple[float, float]:
        """The lowest and the highest test SRCC of all curves."""
        values = [test for curve in self.curves for _, _, test in curve.points if test is not None]
        return min(values, default=0.0), max(values, default=1.0)

    @property
    def lacks_scheduler(self) -> bool:
        """Whether something waits for a scheduler, and none is running."""
        return self.needs_scheduler or (self.more_rounds and self.scheduler_pid is None)

    def line(self, key: str | None) -> RunLine | None:
        """The line with that key."""
        return next((line for line in self.lines if line.key == key), None)
