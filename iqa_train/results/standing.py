"""Where an experiment stands: which value it has, of which runs or epoch, and whether it is compared yet.

Every table, export and screen shows this and nothing else:

- the value is of finished runs; of a single run without a result, that at the epoch selected so far;
- a difference is of results: there is none before both sides have one;
- until then, both values at the last epoch that both have are what is known, and nothing is concluded from them;
- a run that is run again counts with the result that it had, until the new one is complete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from iqa_train.results.epochs import at_last_common_epoch, epochs_of, selected_so_far, value_at
from iqa_train.results.run_record import RunRecord
from iqa_train.results.table import RunValue, Standing
from iqa_train.runs.state_names import NOT_STARTED


@dataclass(frozen=True)
class Value:
    """An experiment's value. `epoch` is given for that of an unfinished run."""

    value: float | None
    seeds: tuple[int, ...]
    epoch: int | None = None
    notes: tuple[str, ...] = ()


def value_of(runs: Sequence[RunRecord], measured: Mapping[int, float], metric: str) -> Value:
    """The mean of the values `measured` by seed, else of those that results report; else that selected so far."""
    seeds = tuple(measured)
    if measured:
        return Value(fmean(measured.values()), seeds)
    reported = {s: v for run in runs for s, r in run.reported.items() if (v := r.get(metric)) is not None}
    if reported and not any(run.predictions for run in runs):
        note = "value as the run reported it, without an interval"
        return Value(fmean(reported.values()), tuple(sorted(reported)), notes=(note,))
    begun = [run for run in runs if run.state.name != NOT_STARTED]
    if len(begun) != 1 or begun[0].finished or begun[0].failed:
        return Value(None, seeds)
    alone = run_value(begun[0], {}, metric)
    return Value(alone.value, seeds, alone.epoch if alone.value is not None else None)


def run_value(run: RunRecord, measured: Mapping[int, float], metric: str) -> RunValue:
    """A run by itself: the mean of its rounds, as far as they are `measured`, else reported; else selected so far."""
    path, state = str(run.folder.path), run.state.name
    if run.finished:
        known = [measured[seed] for seed in run.predictions if seed in measured]
        known = known or [v for r in run.reported.values() if (v := r.get(metric)) is not None]
        return RunValue(path, run.seed, state, fmean(known) if known else None, finished=True, again=run.again)
    selected = None if run.failed else selected_so_far(run)
    value = None if selected is None else value_at(selected.event, metric)
    return RunValue(path, run.seed, state, value, selected.number if selected and value is not None else None)


def is_unfinished(runs: Sequence[RunRecord]) -> bool:
    """Whether a first result of one of them is still to come, or none has any and one could."""
    if any(run.pending and not run.finished for run in runs):
        return True
    return not any(run.finished for run in runs) and any(run.unfinished for run in runs)


def standing_beside(runs: Sequence[RunRecord], base: Sequence[RunRecord], metric: str) -> Standing | None:
    """Where an experiment stands beside the baseline while one of them has no result; None once both have."""
    if any(run.finished for run in runs) and any(run.finished for run in base):
        return None
    return at_last_common_epoch(epochs_of(runs), epochs_of(base), metric)
