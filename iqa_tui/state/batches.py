"""The progress of each batch of a study: the share of its epochs done, and the time left."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from iqa_train.runs.state_names import ALIVE, FINISHED, OPEN, STOPPED, WAITING
from iqa_tui.state.board import BatchLine, RunLine
from iqa_tui.state.table_lines import counted_states

if TYPE_CHECKING:
    from iqa_train.study.model import Batch


def batch_lines(batches: Iterable["Batch"], lines: Sequence[RunLine]) -> tuple[BatchLine, ...]:
    """A line for each batch, over all seeds of its experiments in the study file."""
    progress = []
    for batch in batches:
        ids = tuple(dict.fromkeys(batch.gpus.values()))
        runs = [line for line in lines if line.experiment in ids and line.planned]
        line = BatchLine(batch.name, ids, _share(runs), _state(runs), _eta(runs), _is_guess(runs))
        progress.append(replace(line, without_result=_without_result(runs)))
    return tuple(progress)


def _share(lines: Sequence[RunLine]) -> float:
    """Share of epochs done, 0 to 1; a finished run counts as whole, even if it stopped early."""
    return sum(map(_run_share, lines)) / len(lines) if lines else 0.0


def _run_share(line: RunLine) -> float:
    if line.row is None:
        return 0.0
    if line.state in FINISHED:
        return 1.0
    progress = line.row.progress
    return min(1.0, (progress.epoch or 0) / progress.epochs) if progress.epochs else 0.0


def _state(lines: Sequence[RunLine]) -> str:
    states = {line.state for line in lines}
    if states & ALIVE:
        return "running"
    if states & WAITING:
        return "queued"
    return "done" if states and states <= FINISHED else ""


def _without_result(lines: Sequence[RunLine]) -> str:
    """`stopped` if all that ended without a result were stopped, else how many ended how: `1 failed, 2 stopped`."""
    ended = [line for line in lines if line.state and line.state not in FINISHED | OPEN]
    return STOPPED if ended and all(line.state == STOPPED for line in ended) else counted_states(ended)


def _eta(lines: Sequence[RunLine]) -> float | None:
    times = [line.row.eta_s if line.row else None for line in lines if line.is_open]
    known = [seconds for seconds in times if seconds is not None]
    return max(known) if known and len(known) == len(times) else None


def _is_guess(lines: Sequence[RunLine]) -> bool:
    return any(line.row.eta_is_guess for line in lines if line.row is not None and line.is_open)
