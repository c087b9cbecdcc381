"""One setting over several values: measured points, and beside them those known as numbers alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from iqa_train.errors import UsageError, did_you_mean
from iqa_train.results.comparison import NotComparableError
from iqa_train.results.reported import reference_row, reported_interval
from iqa_train.results.run_record import RunRecord
from iqa_train.results.study_results import build_study_results
from iqa_train.results.sweep import sweep
from iqa_train.runs.imported import imported_from
from iqa_train.stats.interval import Interval
from iqa_train.study.literature import known_settings
from iqa_train.study.model import Reference, Study
from iqa_train.study.settings import TrainingConfig

_NAMED = 5  # of what is left out
_HOW_LONG = frozenset({"epochs", "train_test_num", "patience"})
"""Points known as numbers may differ in these, and a note says so: at each rate one trains as long as it takes."""


@dataclass(frozen=True)
class CurvePoint:
    """The result at one value of the setting. `name` is study/experiment, or the id of a reference."""

    setting: Any
    value: float
    interval: Interval | None
    name: str
    seeds: tuple[int, ...] = ()
    reported: bool = False
    source: str = ""
    also: Mapping[str, Any] = field(default_factory=dict)  # of _HOW_LONG, as far as they are known
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingCurve:
    """The points by the setting's value, ascending where values have an order."""

    setting: str
    metric: str
    points: tuple[CurvePoint, ...]
    notes: tuple[str, ...] = ()


def setting_curve(
    study: Study,
    runs: Sequence[RunRecord],
    references: Sequence[Reference],
    setting: str,
    metric: str = "srcc",
    *,
    resamples: int | None = None,
    anyway: bool = False,
) -> SettingCurve:
    """The curve of `setting` over runs and references.

    All points of a kind are alike in every other setting that is known of them, but for how long they trained; what
    differs in more is named in the notes. Raises UsageError for a name that is no setting, NotComparableError where
    fewer than two values remain.
    """
    if setting not in TrainingConfig.model_fields:
        raise UsageError(f'there is no setting "{setting}"; {did_you_mean(setting, TrainingConfig.model_fields)}')
    tested = [run for run in runs if run.predictions]
    measured, notes = _measured(study, tested, setting, metric, resamples, anyway=anyway)
    given = [_of_reference(study, r, setting, metric) for r in references]
    given += [_of_import(run, setting, metric) for run in runs if not run.predictions]
    numbers, left_out = _alike([one for one in given if one is not None], anyway=anyway)
    points = sorted([*measured, *numbers], key=lambda point: _order(point.setting))
    if len({str(point.setting) for point in points}) < 2:
        reasons = f": {'; '.join([*notes, *left_out])}" if notes or left_out else ""
        raise NotComparableError(f"{setting} has not two values with a result, all else alike{reasons}")
    differ = [
        name
        for name in sorted(_HOW_LONG - {setting})
        if len({repr(point.also[name]) for point in numbers if name in point.also}) > 1
    ]
    if differ:
        notes.append(f"the reported points differ in {' and '.join(differ)} too")
    return SettingCurve(setting, metric, tuple(points), (*notes, *left_out))


_ReportedPoint = tuple[CurvePoint, Mapping[str, Any]]


def _measured(
    study: Study, runs: Sequence[RunRecord], setting: str, metric: str, resamples: int | None, *, anyway: bool
) -> tuple[list[CurvePoint], list[str]]:
    if not runs:
        return [], []
    try:
        found = sweep(runs, setting, metric, resamples=resamples, anyway=anyway)
    except NotComparableError as error:
        return _alone(study, runs, setting, metric, resamples), [str(error)]
    points = [
        CurvePoint(p.setting, p.value, p.interval, ", ".join(p.runs), p.seeds, notes=p.notes)
        for p in found.points
        if p.value is not None
    ]
    return points, list(found.notes)


def _alone(
    study: Study, runs: Sequence[RunRecord], setting: str, metric: str, resamples: int | None
) -> list[CurvePoint]:
    """The baseline: no curve of its own, but a point among reported ones."""
    base = [run for run in runs if run.experiment == study.baseline and setting in run.spec["settings"]]
    if not base:
        return []
    row = build_study_results(base, metric, baseline=study.baseline, resamples=resamples, anyway=True).rows[0]
    if row.value is None:
        return []
    name = f"{base[0].spec.get('study', '')}/{study.baseline}"
    return [CurvePoint(base[0].spec["settings"][setting], row.value, row.interval, name, row.seeds)]


def _of_reference(study: Study, reference: Reference, setting: str, metric: str) -> _ReportedPoint | None:
    settings = known_settings(study, reference)
    row = reference_row(study, reference, metric)
    if setting not in settings or row.value is None:
        return None
    also = {name: settings[name] for name in _HOW_LONG if name in settings}
    point = CurvePoint(settings[setting], row.value, row.interval, reference.id, (), True, row.source, also, row.notes)
    return point, {name: value for name, value in settings.items() if name not in _HOW_LONG | {setting}}


def _of_import(run: RunRecord, setting: str, metric: str) -> _ReportedPoint | None:
    values = [value for one in run.reported.values() if (value := one.get(metric)) is not None]
    settings, imported = run.spec["settings"], imported_from(run.folder)
    if not values or setting not in settings or imported is None:
        return None
    value = fmean(values)
    point = CurvePoint(
        settings[setting],
        value,
        reported_interval(value, imported.images.get("test"), metric),
        f"{run.spec.get('study', '')}/{run.experiment}",
        tuple(run.reported),
        True,
        f"imported from {imported.log}",
        {name: settings[name] for name in _HOW_LONG if name in settings},
    )
    return point, {name: value for name, value in settings.items() if name not in _HOW_LONG | {setting, "seed"}}


def _alike(given: Sequence[_ReportedPoint], *, anyway: bool) -> tuple[list[CurvePoint], list[str]]:
    """The largest set of points that agree in everything else that is known; and the others, in a note."""
    groups: dict[str, list[CurvePoint]] = {}
    for point, rest in given:
        groups.setdefault(repr(sorted(rest.items())), []).append(point)
    if not groups:
        return [], []
    kept = max(groups.values(), key=lambda own: (len({str(p.setting) for p in own}), len(own)))
    others = [point for own in groups.values() for point in own if own is not kept]
    if not others:
        return kept, []
    names = ", ".join(point.name for point in others[:_NAMED])
    names += f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    if anyway:
        return [*kept, *others], [f"{names} differ from the other reported points in more than that"]
    return kept, [f"left out, as they differ in more than that: {names}"]


def _order(value: object) -> tuple[int, float, str]:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if numeric else (1, 0.0, str(value))  # type: ignore[arg-type]
