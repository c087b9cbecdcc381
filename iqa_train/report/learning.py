"""How training went: loss and learning rate by epoch, of each experiment's first seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iqa_train.results.run_record import RunRecord, by_experiment

Points = tuple[tuple[int, float], ...]
"""(epoch, value)."""


@dataclass(frozen=True)
class Learning:
    """An experiment's training loss and learning rate (of the backbone) by epoch; empty where not recorded."""

    experiment: str
    losses: Points = ()
    rates: Points = ()


def learning(runs: Sequence[RunRecord]) -> tuple[Learning, ...]:
    """Of each experiment that has a loss or a learning rate."""
    found = []
    for experiment, its_runs in by_experiment(runs).items():
        events = next((run.epochs[seed] for run in its_runs for seed in run.epochs), {})
        by_epoch = sorted(events.items())
        losses, rates = (_known((epoch, dict(e).get(key)) for epoch, e in by_epoch) for key in ("train_loss", "lr"))
        if losses or rates:
            found.append(Learning(experiment, losses, rates))
    return tuple(found)


def _known(pairs: Iterable[tuple[int, object]]) -> Points:
    return tuple((epoch, float(value)) for epoch, value in pairs if isinstance(value, int | float))
