"""Orders: what the dialogs return and the actions carry out; and how sentences name runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from iqa_train.runs.layout import RunFolder

Form = Literal["markdown", "csv", "latex", "report"]

MOST_NAMES = 5  # of runs, in a sentence


@dataclass(frozen=True)
class StartOrder:
    """Runs to queue: those with `keys` (run folders), else `experiments` of the study file, else all of it.

    `seeds` None: each run's own, or the study's. `again`: also complete runs, from the start. `changes`: settings that
    replace those of each run. `backend`: who carries them out, `local` or `slurm`.
    """

    keys: tuple[str, ...] = ()
    experiments: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    again: bool = False
    policy: str | None = None
    slots: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    backend: str = "local"


@dataclass(frozen=True)
class StopOrder:
    """Runs to stop; a worker has `grace` seconds to save a checkpoint, the default with None."""

    keys: tuple[str, ...]
    grace: float | None = None


@dataclass(frozen=True)
class RelaunchOrder:
    """A run to queue again with its own settings, from its checkpoint or, with `again`, from the start."""

    key: str
    again: bool = False


@dataclass(frozen=True)
class ExportOrder:
    """Results to write to `path`: a table, or a folder with the report. `replace` allows overwriting a file."""

    form: Form
    path: Path
    replace: bool = False
    tracker: Path | None = None  # a Markdown file to update together with the report


def run_name(run: "RunFolder", *, several_seeds: bool) -> str:
    """An experiment's id, with the seed if there are several, and the number of a repeat."""
    return f"{run.experiment} ({run.seed_words})" if several_seeds or run.repeat > 1 else run.experiment
