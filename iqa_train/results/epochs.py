"""Values by epoch, for comparing runs that are not finished."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from iqa_train.results.run_record import Event, RunRecord, by_experiment
from iqa_train.results.table import Curve

ByEpoch = Mapping[int, Mapping[int, Event]]
MEASURED = ("srcc", "plcc")
"""The metrics that are computed at every epoch."""


@dataclass(frozen=True)
class AtEpoch:
    """Means over seeds at one epoch: the test value, and the difference from the baseline's at the same epoch."""

    epoch: int
    value: float | None
    delta: float | None


def at_last_common_epoch(experiment: ByEpoch, base: ByEpoch, metric: str) -> AtEpoch | None:
    """Value and difference at the last epoch that both have, over shared seeds; without any, `experiment` alone.

    None if `experiment` has no epoch yet.
    """
    if metric not in MEASURED or not experiment:
        return None
    shared = [seed for seed in experiment if seed in base]
    seeds = shared or list(experiment)
    epoch = min(max(by_seed[seed]) for by_seed in ((experiment, base) if shared else (experiment,)) for seed in seeds)
    mine = [_value(experiment, seed, epoch, metric) for seed in seeds]
    theirs = [_value(base, seed, epoch, metric) for seed in shared]
    value = _mean(mine)
    other = _mean(theirs)
    return AtEpoch(epoch, value, None if value is None or other is None else value - other)


def epochs_of(runs: Iterable[RunRecord]) -> ByEpoch:
    """Seed -> epoch -> event of an experiment's runs, without failed ones."""
    return {seed: events for run in runs if not run.failed for seed, events in run.epochs.items() if events}


def curves(runs: Sequence[RunRecord]) -> list[Curve]:
    """The curve of each experiment's first seed with an epoch."""
    return [
        curve_of(experiment, next((run.epochs[seed] for run in its_runs for seed in run.epochs), {}))
        for experiment, its_runs in by_experiment(runs).items()
    ]


def curve_of(name: str, events: Mapping[int, Event]) -> Curve:
    """SRCC, loss and learning rate by epoch."""
    found = sorted(events.items())
    return Curve(
        name,
        points=tuple((epoch, e.get("val_srcc"), e.get("test_srcc")) for epoch, e in found),
        losses=_known((epoch, e.get("train_loss")) for epoch, e in found),
        rates=_known((epoch, e.get("lr")) for epoch, e in found),
        chosen=max((epoch for epoch, e in found if e.get("best")), default=None),
    )


def _known(pairs: Iterable[tuple[int, float | None]]) -> tuple[tuple[int, float], ...]:
    return tuple((epoch, float(value)) for epoch, value in pairs if value is not None)


def _value(by_epoch: ByEpoch, seed: int, epoch: int, metric: str) -> float | None:
    event = by_epoch[seed].get(epoch)
    if event is None:
        return None
    value = event.get("test_srcc") if metric == "srcc" else event.get("test_plcc")
    return None if value is None else float(value)


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None for no values or if one is undefined, since a mean over fewer seeds is not comparable."""
    known = [v for v in values if v is not None]
    return fmean(known) if values and len(known) == len(values) else None
