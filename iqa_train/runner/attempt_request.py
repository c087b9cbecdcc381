"""What a runner is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import Lease
from iqa_train.runner.interruption import Interrupter, Interruption
from iqa_train.runs.layout import RunFolder


@dataclass(frozen=True)
class AttemptRequest:
    """An attempt to make: the run, its device, the folder of its log, and whether to continue or to start over.

    `spec` is the content of its spec.json, None if that is written. `attempt` is the number that the attempt must
    have: one that another runner has made meanwhile is not made again. None: the next. `supersedes` is the number of
    the attempt that this one may replace although it may be alive: its host was given up, or its job has ended.
    """

    run: RunFolder
    device: Device
    lease: Lease
    logs_dir: Path
    command: list[str]
    spec: Mapping[str, Any] | None = None
    attempt: int | None = None
    supersedes: int | None = None
    resume: bool = False
    again: bool = False
    queued_code: str = ""  # fingerprint of the program that queued it
    still_wanted: Callable[[], bool] = lambda: True  # called once the run is ours: it may have been withdrawn meanwhile
    interrupters: tuple[Interrupter, ...] = ()
    why_signalled: Callable[[], Interruption | None] = lambda: None  # None: TERM and INT are requests to stop
    facts: Mapping[str, Any] = field(default_factory=dict)  # more for runner.json
    nice: int = 0  # the niceness of the worker and all it starts
