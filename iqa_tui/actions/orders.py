"""What somebody has decided to have done: what the dialogs return, and what the blocking functions carry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Form = Literal["markdown", "csv", "latex", "report"]


@dataclass(frozen=True)
class StartOrder:
    """Runs to be queued: those with `keys` (the folders of runs), else `experiments` of the study file, else all of it.

    `seeds` None: each run's own, or the study's. `again`: complete ones too, and from the start. `changes`: settings
    laid over those that each run has.
    """

    keys: tuple[str, ...] = ()
    experiments: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    again: bool = False
    policy: str | None = None
    slots: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StopOrder:
    """Runs to be stopped; a worker has `grace` seconds for its checkpoint, the usual ones with None."""

    keys: tuple[str, ...]
    grace: float | None = None


@dataclass(frozen=True)
class RelaunchOrder:
    """One run to be queued once more, with the settings it has: on from its checkpoint, or `again` from the start."""

    key: str
    again: bool = False


@dataclass(frozen=True)
class ExportOrder:
    """Results to be written to `path`: one table, or a folder with the report. `replace` what is there."""

    form: Form
    path: Path
    replace: bool = False
    tracker: Path | None = None  # brought up to date with a report
