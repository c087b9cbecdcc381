"""Values by epoch: where unfinished runs stand, and curves."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from iqa_train.results.run_record import Event, RunRecord, by_experiment
from iqa_train.results.table import Curve, RunValue, Standing, StudyResults
from iqa_train.runs.counted_result import SelectedEpoch, selected_epoch

ByEpoch = Mapping[int, Mapping[int, Event]]
MEASURED = ("srcc", "plcc")
"""The metrics that are computed at every epoch."""


def at_last_common_epoch(experiment: ByEpoch, base: ByEpoch, metric: str) -> Standing | None:
    """Means over the shared seeds at the last epoch that all of them have; None where there is none, or no value."""
    shared = [seed for seed in experiment if seed in base]
    if metric not in MEASURED or not shared:
        return None
    epoch = min(max(side[seed]) for side in (experiment, base) for seed in shared)
    mine, theirs = (_mean([_value(side, seed, epoch, metric) for seed in shared]) for side in (experiment, base))
    return None if mine is None or theirs is None else Standing(epoch, mine, theirs, len(shared))


def epochs_of(runs: Iterable[RunRecord]) -> ByEpoch:
    """Seed -> epoch -> event of an experiment's runs, without failed ones."""
    return {seed: events for run in runs if not run.failed for seed, events in run.epochs.items() if events}


def selected_so_far(run: RunRecord) -> SelectedEpoch | None:
    """The epoch of a run that is selected so far, its rounds in their order."""
    return selected_epoch([events[epoch] for _, events in sorted(run.epochs.items()) for epoch in sorted(events)])


def value_at(event: Event, metric: str) -> float | None:
    """Test's value of a metric at an epoch; None for one that is not measured then."""
    if metric not in MEASURED:
        return None
    value = event.get("test_srcc") if metric == "srcc" else event.get("test_plcc")
    return None if value is None else float(value)


def curves(runs: Sequence[RunRecord], results: StudyResults | None = None) -> list[Curve]:
    """Validation and test SRCC by epoch of each experiment's first seed with an epoch; values as in `results`."""
    known = {run.folder: run for row in (results.rows if results else ()) for run in row.runs}
    srcc = known if results is not None and results.metric == "srcc" else {}
    return [_curve(experiment, its_runs, srcc) for experiment, its_runs in by_experiment(runs).items()]


def _curve(experiment: str, runs: Sequence[RunRecord], known: Mapping[str, RunValue]) -> Curve:
    run, seed = next(((run, seed) for run in runs for seed in run.epochs), (None, 0))
    if run is None:
        return Curve(experiment)
    events = [event for _, event in sorted(run.epochs[seed].items())]
    points = tuple((event["epoch"], event.get("val_srcc"), event.get("test_srcc")) for event in events)
    selected = selected_epoch(events)
    value = None if selected is None else value_at(selected.event, "srcc")
    in_table = known.get(str(run.folder.path))
    if in_table is not None and len(run.epochs) == 1:
        value = in_table.value
    begun = [one.seed for one in runs if one.epochs or one.pending or one.finished]
    return Curve(
        experiment, points, selected.event["epoch"] if selected else None, value, not run.finished,
        seed if len(begun) > 1 else None,
        losses=_known((event["epoch"], event.get("train_loss")) for event in events),
        rates=_known((event["epoch"], event.get("lr")) for event in events),
    )  # fmt: skip


def _known(pairs: Iterable[tuple[int, float | None]]) -> tuple[tuple[int, float], ...]:
    return tuple((epoch, float(value)) for epoch, value in pairs if value is not None)


def _value(by_epoch: ByEpoch, seed: int, epoch: int, metric: str) -> float | None:
    event = by_epoch[seed].get(epoch)
    return None if event is None else value_at(event, metric)


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None for no values or if one is undefined, since a mean over fewer seeds is not comparable."""
    known = [v for v in values if v is not None]
    return fmean(known) if values and len(known) == len(values) else None
