"""Orders: what the dialogs return and the actions carry out; and how sentences name runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iqa_train.runs import state_names
from iqa_tui.state.table_lines import counted_states

if TYPE_CHECKING:
    from iqa_train.runs.layout import RunFolder
    from iqa_tui.state.board import RunLine

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
    """Runs to queue again with their own settings, from their checkpoints or, with `again`, from the start."""

    keys: tuple[str, ...]
    again: bool = False


@dataclass(frozen=True)
class NoteOrder:
    """What to note on runs, and the tags they are to have; None: as they are."""

    note: str | None = None
    tags: tuple[str, ...] | None = None


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


def runs_words(lines: "Sequence[RunLine]") -> str:
    """What to call these runs: `A1`, `A1 (3 seeds)`, `4 runs`."""
    if len(lines) == 1:
        return run_name(lines[0].run, several_seeds=True)
    if len({line.experiment for line in lines}) == 1:
        return f"{lines[0].experiment} ({len(lines)} seeds)"
    return f"{len(lines)} runs"


def nothing_to_stop(lines: "Sequence[RunLine]") -> str:
    """Why x does nothing on these runs, none of which runs or is queued."""
    if not lines:
        return "nothing to stop: no run is selected"
    if len(lines) > 1:
        return f"{runs_words(lines)}: {counted_states(lines)}; nothing to stop"
    return f"{runs_words(lines)} {state_names.nothing_to_stop(lines[0].state_name)}"
