"""Results over the values of one setting: measured points, and beside them those known only as reported values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from iqa_train.errors import UsageError, did_you_mean
from iqa_train.results.comparison import NotComparableError, compare
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.reported import reference_row, reported_interval
from iqa_train.results.run_record import RunRecord, predictions_by_seed
from iqa_train.results.study_results import build_study_results
from iqa_train.runs.imported import imported_from
from iqa_train.stats.interval import Interval
from iqa_train.study.literature import known_settings
from iqa_train.study.model import Reference, Study
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import join_names

_MAX_NAMES = 5  # of the points that are left out
_DURATION = frozenset({"epochs", "train_test_num", "patience"})
"""Reported points may differ in these, with a note: how long one trains often depends on the learning rate."""


@dataclass(frozen=True)
class SweepPoint:
    """The result at one value of the setting. `name` is study/experiment, or the id of a reference."""

    setting: Any
    value: float
    interval: Interval | None
    name: str
    seeds: tuple[int, ...] = ()
    reported: bool = False
    source: str = ""
    also: Mapping[str, Any] = field(default_factory=dict)  # the known settings among _DURATION
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """The points by the setting's value, ascending: numbers first, then words."""

    setting: str
    metric: str
    points: tuple[SweepPoint, ...]
    notes: tuple[str, ...] = ()


def sweep(
    study: Study,
    runs: Sequence[RunRecord],
    references: Sequence[Reference],
    setting: str,
    metric: str = "srcc",
    *,
    resamples: int | None = None,
    anyway: bool = False,
) -> Sweep:
    """The sweep of `setting` over runs and references.

    Measured points agree in every other setting, reported ones in every other known setting except how long they
    trained; the notes name what is left out. Raises UsageError for an unknown setting, NotComparableError where fewer
    than two values remain.
    """
    if setting not in TrainingConfig.model_fields:
        raise UsageError(f'there is no setting "{setting}"; {did_you_mean(setting, TrainingConfig.model_fields)}')
    tested = [run for run in runs if run.predictions]
    measured, notes = _measured(study, tested, setting, metric, resamples, anyway=anyway)
    given = [_of_reference(study, r, setting, metric) for r in references]
    given += [_of_import(run, setting, metric) for run in runs if not run.predictions]
    reported, left_out = _alike([point for point in given if point is not None], anyway=anyway)
    points = _sorted([*measured, *reported])
    if len({str(point.setting) for point in points}) < 2:
        reasons = f": {'; '.join([*notes, *left_out])}" if notes or left_out else ""
        raise NotComparableError(
            f"{setting} does not have two values with a result and otherwise equal settings{reasons}"
        )
    differ = [
        name
        for name in sorted(_DURATION - {setting})
        if len({repr(point.also[name]) for point in reported if name in point.also}) > 1
    ]
    if differ:
        notes.append(f"the reported points differ in {join_names(differ)} too")
    return Sweep(setting, metric, points, (*notes, *left_out))


def measured_sweep(
    runs: Sequence[RunRecord], setting: str, metric: str = "srcc", *, resamples: int | None = None, anyway: bool = False
) -> Sweep:
    """The sweep of `setting` over runs with predictions, which may come from several studies.

    Where runs differ in other settings too, the largest set that does not is taken, and the notes name the others. With
    `anyway` all are taken, and the notes say in what they differ. Raises UsageError for a setting that no run has,
    NotComparableError where fewer than two values remain.
    """
    known = [run for run in runs if setting in run.spec["settings"]]
    if not known:
        names = {name for run in runs for name in run.spec["settings"]}
        raise UsageError(f'no run has the setting "{setting}"; {did_you_mean(setting, sorted(names))}')
    sets = [[r for r in known if not _differing(run, r, setting)] for run in known]
    kept = max(sets, key=lambda alike: (len({_value_of(r, setting) for r in alike}), len(alike)))
    others = [run for run in known if run not in kept]
    notes = tuple(dict.fromkeys(_left_out(run, kept[0], setting, anyway=anyway) for run in others))
    grouped: dict[tuple[str, str], list[RunRecord]] = {}
    for run in known if anyway else kept:
        grouped.setdefault((_name(run), _value_of(run, setting)), []).append(run)
    if len({value for _, value in grouped}) < 2:
        reasons = f" ({'; '.join(notes)})" if notes else ""
        raise NotComparableError(f"{setting} has only one value in runs with otherwise equal settings{reasons}")
    tested = [
        ExperimentPredictions(f"{name} at {value}", predictions_by_seed(group))
        for (name, value), group in grouped.items()
    ]
    compared = compare(tested, None, metric, resamples=resamples)
    points = [
        SweepPoint(
            group[0].spec["settings"][setting],
            comparison.value,
            comparison.interval,
            _name(group[0]),
            comparison.seeds,
            notes=comparison.notes,
        )
        for group, comparison in zip(grouped.values(), compared, strict=True)
        if comparison.value is not None
    ]
    return Sweep(setting, metric, _sorted(points), notes)


def _measured(
    study: Study, runs: Sequence[RunRecord], setting: str, metric: str, resamples: int | None, *, anyway: bool
) -> tuple[list[SweepPoint], list[str]]:
    if not runs:
        return [], []
    try:
        found = measured_sweep(runs, setting, metric, resamples=resamples, anyway=anyway)
    except NotComparableError as error:
        return _baseline_alone(study, runs, setting, metric, resamples), [str(error)]
    return list(found.points), list(found.notes)


def _baseline_alone(
    study: Study, runs: Sequence[RunRecord], setting: str, metric: str, resamples: int | None
) -> list[SweepPoint]:
    """The baseline: no sweep by itself, but a point among reported ones."""
    base = [run for run in runs if run.experiment == study.baseline and setting in run.spec["settings"]]
    if not base:
        return []
    row = build_study_results(base, metric, baseline=study.baseline, resamples=resamples, anyway=True).rows[0]
    if row.value is None:
        return []
    name = f"{base[0].spec.get('study', '')}/{study.baseline}"
    return [SweepPoint(base[0].spec["settings"][setting], row.value, row.interval, name, row.seeds)]


_ReportedPoint = tuple[SweepPoint, Mapping[str, Any]]
"""A point, and the known settings in which it must agree with others."""


def _of_reference(study: Study, reference: Reference, setting: str, metric: str) -> _ReportedPoint | None:
    settings = known_settings(study, reference)
    row = reference_row(study, reference, metric)
    if setting not in settings or row.value is None:
        return None
    also = {name: settings[name] for name in _DURATION if name in settings}
    point = SweepPoint(settings[setting], row.value, row.interval, reference.id, (), True, row.source, also, row.notes)
    return point, {name: value for name, value in settings.items() if name not in _DURATION | {setting}}


def _of_import(run: RunRecord, setting: str, metric: str) -> _ReportedPoint | None:
    values = [value for numbers in run.reported.values() if (value := numbers.get(metric)) is not None]
    settings, imported = run.spec["settings"], imported_from(run.folder)
    if not values or setting not in settings or imported is None:
        return None
    value = fmean(values)
    point = SweepPoint(
        settings[setting],
        value,
        reported_interval(value, imported.images.get("test"), metric),
        _name(run),
        tuple(run.reported),
        True,
        f"imported from {imported.log}",
        {name: settings[name] for name in _DURATION if name in settings},
    )
    return point, {name: value for name, value in settings.items() if name not in _DURATION | {setting, "seed"}}


def _alike(given: Sequence[_ReportedPoint], *, anyway: bool) -> tuple[list[SweepPoint], list[str]]:
    """The largest set of points that agree in all other known settings, and a note that names the others."""
    groups: dict[str, list[SweepPoint]] = {}
    for point, rest in given:
        groups.setdefault(repr(sorted(rest.items())), []).append(point)
    if not groups:
        return [], []
    kept = max(groups.values(), key=lambda group: (len({str(p.setting) for p in group}), len(group)))
    others = [point for group in groups.values() for point in group if group is not kept]
    if not others:
        return kept, []
    names = join_names([point.name for point in others], most=_MAX_NAMES)
    if anyway:
        return [*kept, *others], [f"{names} differ from the other reported points in other settings too"]
    return kept, [f"left out because other settings differ too: {names}"]


def _differing(base: RunRecord, run: RunRecord, setting: str) -> list[str]:
    """The settings other than `setting` in which the two differ."""
    return [name for name in settings_that_differ(base.spec, run.spec) if name != setting]


def _left_out(run: RunRecord, kept: RunRecord, setting: str, *, anyway: bool) -> str:
    others = ", ".join(_differing(kept, run, setting))
    return f"{_name(run)} differs in {others} too" + ("" if anyway else " and is left out")


def _value_of(run: RunRecord, setting: str) -> str:
    return str(run.spec["settings"][setting])


def _name(run: RunRecord) -> str:
    return f"{run.spec.get('study', '')}/{run.experiment}"


def _sorted(points: Sequence[SweepPoint]) -> tuple[SweepPoint, ...]:
    return tuple(sorted(points, key=lambda point: _order(point.setting)))


def _order(value: object) -> tuple[int, float, str]:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if numeric else (1, 0.0, str(value))  # type: ignore[arg-type]
