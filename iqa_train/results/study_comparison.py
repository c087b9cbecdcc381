"""Compares two studies experiment by experiment: settings that differ, and differences in results."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from iqa_train.results.comparison import Comparison, compare, resampling_notes
from iqa_train.results.factors import settings_that_differ
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, by_experiment, predictions_by_seed
from iqa_train.results.verdict import LEVEL, is_better
from iqa_train.stats.holm import holm
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS


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
    better: bool | None = None  # in the second, where the difference is significant
    seeds: tuple[int, ...] = ()  # shared seeds, which the difference is over
    images: int | None = None
    clusters: int | None = None  # resampled reference images
    differs: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    first_epoch: int | None = None  # of the value of an unfinished run
    second_epoch: int | None = None
    reported: bool = False  # without predictions
    source: str = ""
    notes: tuple[str, ...] = ()


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
    count = METRICS[metric].resamples if resamples is None else resamples
    ones, others = by_experiment(first), by_experiment(second)
    rows = []
    for experiment in dict.fromkeys([*ones, *others]):
        if experiment in ones and experiment in others:
            rows.append(_row(ones[experiment], others[experiment], names, metric, count, anyway=anyway))
        else:
            only, runs = (names[0], ones[experiment]) if experiment in ones else (names[1], others[experiment])
            title = str(runs[0].spec.get("title", ""))
            rows.append(ComparisonRow(experiment, title, notes=(f"only in {only}",)))
    adjusted = holm([row.p for row in rows])
    rows = [_judged(row, p, metric) for row, p in zip(rows, adjusted, strict=True)]
    paired = [row for row in rows if row.experiment in ones and row.experiment in others]
    everywhere = paired[0].differs if paired else {}
    everywhere = {k: v for k, v in everywhere.items() if all(row.differs.get(k) == v for row in paired)}
    return StudyComparison(*names, metric, tuple(rows), everywhere, _notes(rows, metric, count))


def _study(runs: Sequence[RunRecord]) -> str:
    return str(runs[0].spec.get("study", "")) if runs else ""


def _row(
    ones: list[RunRecord], others: list[RunRecord], names: tuple[str, str], metric: str, resamples: int, *, anyway: bool
) -> ComparisonRow:
    experiment = ones[0].experiment
    # Labels with the study, so that errors and notes say which is which.
    labels = [f"{experiment} of {name}" for name in (names if names[0] != names[1] else ("the first", "the second"))]
    tested = [
        ExperimentPredictions(label, predictions_by_seed(runs))
        for label, runs in zip(labels, (ones, others), strict=True)
    ]
    key = "/".join((*sorted(names), metric))
    one, two = compare(tested, tested[0], metric, key=key, resamples=resamples, anyway=anyway)
    title = str(others[0].spec.get("title", "") or ones[0].spec.get("title", ""))
    row = _of(experiment, title, one, two)
    unfinished = tuple(
        f"{label}: {'/'.join(sorted({run.state.name for run in runs}))}, no result"
        for label, runs, found in zip(labels, (ones, others), (one, two), strict=True)
        if found.value is None
    )
    return replace(
        row, differs=settings_that_differ(ones[0].spec, others[0].spec), notes=(*unfinished, *one.notes, *two.notes)
    )


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
    )


def _judged(row: ComparisonRow, p_holm: float | None, metric: str) -> ComparisonRow:
    if p_holm is None or row.delta is None or row.delta_interval is None:
        return row
    low, high = row.delta_interval
    significant = p_holm < LEVEL and not low <= 0 <= high
    return replace(
        row, p_holm=p_holm, distinguishable=significant, better=is_better(row.delta, metric) if significant else None
    )


def _notes(rows: Sequence[ComparisonRow], metric: str, resamples: int) -> tuple[str, ...]:
    notes = []
    if any(row.delta_interval for row in rows):
        notes += resampling_notes(resamples, [row.clusters for row in rows if row.delta_interval], metric)
        if all(len(row.seeds) <= 1 for row in rows):
            notes.append("test-set uncertainty only: one seed each")
    tested = sum(row.p is not None for row in rows)
    if tested > 1:
        notes.append(f"p adjusted for {tested} experiments (Holm)")
    return tuple(notes)
