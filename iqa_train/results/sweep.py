"""One setting over several values, all else equal: a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iqa_train.errors import UsageError, did_you_mean
from iqa_train.results.comparison import NotComparableError, compare
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, predictions_by_seed
from iqa_train.stats.interval import Interval


@dataclass(frozen=True)
class Point:
    """One experiment at one value of the setting, all its seeds; None is what it does not have, and `notes` say why."""

    setting: Any
    value: float | None
    interval: Interval | None
    seeds: tuple[int, ...]
    runs: tuple[str, ...]  # study/experiment
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """The points by the setting's value, ascending where values have an order."""

    setting: str
    metric: str
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()


def sweep(
    runs: Sequence[RunRecord], setting: str, metric: str = "srcc", *, resamples: int | None = None, anyway: bool = False
) -> Sweep:
    """The curve of `setting` over `runs`, which may come from several studies.

    Of runs that differ in other settings too, the largest set that does not is taken, and the others are named in the
    notes. With `anyway` all are taken, and the notes name what else differs. Raises UsageError for a setting that no
    run has, NotComparableError where fewer than two values remain.
    """
    known = [run for run in runs if setting in run.spec["settings"]]
    if not known:
        names = {name for run in runs for name in run.spec["settings"]}
        raise UsageError(f'no run has the setting "{setting}"; {did_you_mean(setting, sorted(names))}')
    sets = [_like(run, known, setting) for run in known]
    kept = max(sets, key=lambda one: (len({_key(r, setting) for r in one}), len(one)))
    beside = [run for run in known if run not in kept]
    if anyway:
        kept = known
    notes = tuple(dict.fromkeys(_left_out(run, kept[0], setting, anyway=anyway) for run in beside))
    grouped: dict[tuple[str, str], list[RunRecord]] = {}
    for run in kept:
        grouped.setdefault((_name(run), _key(run, setting)), []).append(run)
    if len({value for _, value in grouped}) < 2:
        reasons = f" ({'; '.join(notes)})" if notes else ""
        raise NotComparableError(f"{setting} has one value only in runs that are otherwise alike{reasons}")
    tested = [
        ExperimentPredictions(f"{name} at {value}", predictions_by_seed(own)) for (name, value), own in grouped.items()
    ]
    found = compare(tested, None, metric, key=f"sweep/{setting}/{metric}", resamples=resamples)
    points = [
        Point(
            own[0].spec["settings"][setting],
            one.value,
            one.interval,
            one.seeds,
            (_name(own[0]),),
            one.notes if one.value is not None else (*one.notes, "no result"),
        )
        for own, one in zip(grouped.values(), found, strict=True)
    ]
    return Sweep(setting, metric, tuple(sorted(points, key=lambda point: _order(point.setting))), notes)


def _like(one: RunRecord, runs: Sequence[RunRecord], setting: str) -> list[RunRecord]:
    return [run for run in runs if not set(settings_that_differ(one.spec, run.spec)) - {setting}]


def _left_out(run: RunRecord, kept: RunRecord, setting: str, *, anyway: bool) -> str:
    others = ", ".join(name for name in settings_that_differ(kept.spec, run.spec) if name != setting)
    return f"{_name(run)} differs in {others} too" + ("" if anyway else " and is left out")


def _key(run: RunRecord, setting: str) -> str:
    return str(run.spec["settings"][setting])


def _name(run: RunRecord) -> str:
    return f"{run.spec.get('study', '')}/{run.experiment}"


def _order(value: object) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))
