"""Compares two studies experiment by experiment: settings that differ, and differences in results."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.machine import rounding_text
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, by_experiment, predictions_by_seed
from iqa_train.results.table import Scope
from iqa_train.results.table_notes import family_note, interval_notes, scope_notes
from iqa_train.results.verdict import LEVEL, is_better, tipping_point
from iqa_train.stats.holm import holm, holm_levels
from iqa_train.stats.interval import Interval


@dataclass(frozen=True)
class ComparisonRow:
    """One experiment in both studies; `delta` is the second value minus the first. None where a value is unknown.

    `differs` holds every setting that differs, with both values.
    """

    experiment: str
    title: str = ""
    first: float | None = None
    first_interval: Interval | None = None
    second: float | None = None
    second_interval: Interval | None = None
    delta: float | None = None
    delta_interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    distinguishable: bool | None = None
    scope: Scope | None = None
    higher: bool | None = None  # the second value; only for a significant difference
    better: bool | None = None  # the component in the second; None if only the runs differ
    borrowed: str = ""  # whose spread over seeds stands in for that of one with a single seed
    covers: str = ""  # which seeds the difference is over
    holds_to: float | None = None  # SD between seeds up to which a difference of runs would hold for the component
    at_most: float | None = None  # size of the difference that the 90 % interval does not exclude
    seeds: tuple[int, ...] = ()  # shared seeds, which the difference is over
    images: int | None = None
    clusters: int | None = None  # resampled reference images
    differs: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    first_epoch: int | None = None  # of the value of an unfinished run
    second_epoch: int | None = None
    reported: bool = False  # without predictions
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """No margin is declared for two studies."""
        return None

    @property
    def margin(self) -> float | None:
        """None."""
        return None


@dataclass(frozen=True)
class StudyComparison:
    """All rows of a comparison of two studies for one metric. `differs`: the settings that differ in every row."""

    first: str
    second: str
    metric: str
    rows: tuple[ComparisonRow, ...]
    differs: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def compare_studies(
    first: Sequence[RunRecord],
    second: Sequence[RunRecord],
    metric: str = "srcc",
    *,
    resamples: int | None = None,
    anyway: bool = False,
) -> StudyComparison:
    """Compare the runs of two studies by experiment, in the order of the first study.

    Raises NotComparableError if the two were tested on different images; with `anyway` values are listed without a
    difference.
    """
    names = (_study(first), _study(second))
    ones, others = by_experiment(first), by_experiment(second)
    rows: list[ComparisonRow] = []
    compared: list[Comparison | None] = []
    for experiment in dict.fromkeys([*ones, *others]):
        if experiment in ones and experiment in others:
            row, two = _row(ones[experiment], others[experiment], names, metric, resamples, anyway=anyway)
            rows.append(row)
            compared.append(two)
        else:
            only, runs = (names[0], ones[experiment]) if experiment in ones else (names[1], others[experiment])
            title = str(runs[0].spec.get("title", ""))
            rows.append(ComparisonRow(experiment, title, notes=(f"only in {only}",)))
            compared.append(None)
    p_values = [row.p for row in rows]
    adjusted = zip(holm(p_values), holm_levels(p_values, LEVEL), strict=True)
    rows = [_judged(row, two, *one, metric) for row, two, one in zip(rows, compared, adjusted, strict=True)]
    paired = [row for row in rows if row.experiment in ones and row.experiment in others]
    everywhere = paired[0].differs if paired else {}
    everywhere = {k: v for k, v in everywhere.items() if all(row.differs.get(k) == v for row in paired)}
    return StudyComparison(*names, metric, tuple(rows), everywhere, _notes(rows, metric))


def _study(runs: Sequence[RunRecord]) -> str:
    return str(runs[0].spec.get("study", "")) if runs else ""


def _row(
    ones: list[RunRecord],
    others: list[RunRecord],
    names: tuple[str, str],
    metric: str,
    resamples: int | None,
    *,
    anyway: bool,
) -> tuple[ComparisonRow, Comparison]:
    experiment = ones[0].experiment
    # Labels with the study, so that errors and notes say which is which.
    labels = [f"{experiment} of {name}" for name in (names if names[0] != names[1] else ("the first", "the second"))]
    tested = [
        ExperimentPredictions(label, predictions_by_seed(runs))
        for label, runs in zip(labels, (ones, others), strict=True)
    ]
    one, two = compare(tested, tested[0], metric, resamples=resamples, anyway=anyway)
    title = str(others[0].spec.get("title", "") or ones[0].spec.get("title", ""))
    row = _of(experiment, title, one, two)
    rounding = rounding_text(others, ones, labels[0])
    unfinished = tuple(
        f"{label}: {'/'.join(sorted({run.state.name for run in runs}))}, no result"
        for label, runs, found in zip(labels, (ones, others), (one, two), strict=True)
        if found.value is None
    )
    row = replace(
        row,
        differs=settings_that_differ(ones[0].spec, others[0].spec),
        notes=(
            *unfinished,
            *(
                f"{label}: {runs[0].kind.words}"
                for label, runs in zip(labels, (ones, others), strict=True)
                if runs[0].kind.words
            ),
            *one.notes,
            *two.notes,
            *([f"other rounding: {rounding}"] if rounding else []),
        ),
    )
    return row, two


def _of(experiment: str, title: str, one: Comparison, two: Comparison) -> ComparisonRow:
    return ComparisonRow(
        experiment,
        title,
        first=one.value,
        first_interval=one.interval,
        second=two.value,
        second_interval=two.interval,
        delta=two.delta,
        delta_interval=two.delta_interval,
        p=two.p,
        seeds=two.shared,
        images=two.images,
        clusters=two.clusters,
        scope=two.scope,
        borrowed=two.borrowed,
        covers=two.covers,
        at_most=None if two.law is None or two.delta is None or two.scope == "runs" else two.law.bound(two.delta),
    )


def _judged(
    row: ComparisonRow, two: Comparison | None, p_holm: float | None, level: float | None, metric: str
) -> ComparisonRow:
    if two is None or p_holm is None or level is None or row.delta is None or row.delta_interval is None:
        return row
    low, high = row.delta_interval
    significant, delta = p_holm < LEVEL and not low <= 0 <= high, row.delta
    if significant and row.scope == "runs":
        most, note = tipping_point(two, level, metric)
        row = replace(row, holds_to=most, notes=(*row.notes, note))
    return replace(
        row,
        p_holm=p_holm,
        distinguishable=significant,
        higher=delta > 0 if significant else None,
        better=is_better(delta, metric) if significant and row.scope == "component" else None,
    )


def _notes(rows: Sequence[ComparisonRow], metric: str) -> tuple[str, ...]:
    notes = []
    if any(row.delta_interval for row in rows):
        notes += interval_notes([row.clusters for row in rows if row.delta_interval], metric)
        notes += scope_notes(rows)
    return (*notes, *family_note(rows))
