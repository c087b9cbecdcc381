"""Comparisons in which at least one side has only reported values: references, and runs without predictions.

Differences of reported values have no p and no interval: both depend on how the errors of the two models correlate on
the same images, which two correlations with the scores do not determine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from iqa_train.results.factors import settings_that_differ
from iqa_train.results.reported import FROM_N_ALONE, reference_row, reported_interval
from iqa_train.results.run_record import RunRecord, by_experiment
from iqa_train.results.study_comparison import ComparisonRow, StudyComparison
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import ResultRow
from iqa_train.runs.imported import imported_from
from iqa_train.stats.interval import Interval
from iqa_train.stats.power import ASSUMED_CORRELATION, critical_difference
from iqa_train.study.literature import known_settings, references_of
from iqa_train.study.model import Study

UNTESTED = (
    "differences of reported values have no p and no interval: both need the predictions of the two models on the "
    "same images"
)


@dataclass(frozen=True)
class ReportedValue:
    """One experiment of one side. `settings` are the known ones; `reported`: not from a run of this program."""

    experiment: str
    title: str = ""
    value: float | None = None
    interval: Interval | None = None
    images: int | None = None
    seeds: tuple[int, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    reported: bool = False
    source: str = ""
    notes: tuple[str, ...] = ()
    dataset: str = ""  # that the test images belong to
    epoch: int | None = None  # of the value of an unfinished run


ReportedSide = Mapping[str, ReportedValue]


def numbers_of_group(study: Study, group: str, metric: str, profile: str | None = None) -> dict[str, ReportedValue]:
    """A group of references by experiment; by id where several share an experiment or have none."""
    references = references_of(study, profile, group)
    experiments = [r.experiment for r in references]
    found = {}
    for r in references:
        key = r.experiment if r.experiment and experiments.count(r.experiment) == 1 else r.id
        row = reference_row(study, r, metric)
        found[key] = ReportedValue(
            key, row.title, row.value, row.interval, row.images, (), known_settings(study, r), True, r.source,
            row.notes, r.dataset,
        )  # fmt: skip
    return found


def numbers_of_runs(runs: Sequence[RunRecord], metric: str) -> dict[str, ReportedValue]:
    """The runs of a study by experiment, with the values of its results table."""
    alone = [replace(run, spec={**run.spec, "baseline": None}) for run in runs]
    rows = {row.experiment: row for row in build_study_results(alone, metric, anyway=True).rows}
    return {name: _of_runs(its_runs, rows[name], metric) for name, its_runs in by_experiment(runs).items()}


def _of_runs(runs: list[RunRecord], row: ResultRow, metric: str) -> ReportedValue:
    number = ReportedValue(
        row.experiment, row.title, row.value, row.interval, row.images, row.seeds, runs[0].spec["settings"],
        notes=row.notes, dataset=str(runs[0].spec["settings"].get("dataset", "")), epoch=row.epoch,
    )  # fmt: skip
    imported = imported_from(runs[0].folder)
    if imported is None:
        return number
    images = imported.images.get("test")
    interval = reported_interval(row.value, images, metric) if row.epoch is None else None
    notes = (FROM_N_ALONE,) if interval else row.notes if row.epoch is not None else ()
    return replace(
        number, interval=interval, images=images, reported=True, source=f"imported from {imported.log}", notes=notes
    )


def compare_numbers(first: ReportedSide, second: ReportedSide, names: tuple[str, str], metric: str) -> StudyComparison:
    """Values, plain differences and the known settings that differ, experiment by experiment."""
    rows = tuple(_row(name, first.get(name), second.get(name), names) for name in dict.fromkeys([*first, *second]))
    paired = [row for row in rows if row.experiment in first and row.experiment in second]
    everywhere = paired[0].differs if paired else {}
    everywhere = {k: v for k, v in everywhere.items() if all(row.differs.get(k) == v for row in paired)}
    return StudyComparison(*names, metric, rows, everywhere, notes_on_numbers(rows, metric))


def with_numbers(comparison: StudyComparison, first: ReportedSide, second: ReportedSide) -> StudyComparison:
    """`comparison` with values and plain differences for experiments that have no predictions."""
    names = (comparison.first, comparison.second)
    rows = tuple(
        row if row.first is not None and row.second is not None
        else replace(_row(row.experiment, first.get(row.experiment), second.get(row.experiment), names),
                     differs=row.differs)
        for row in comparison.rows
    )  # fmt: skip
    return replace(comparison, rows=rows, notes=(*comparison.notes, *notes_on_numbers(rows, comparison.metric)))


def _row(name: str, first: ReportedValue | None, second: ReportedValue | None, names: tuple[str, str]) -> ComparisonRow:
    sides = [side for side in (first, second) if side is not None]
    notes = list(dict.fromkeys(note for side in sides for note in side.notes))
    if first is None or second is None:
        notes.insert(0, f"only in {names[0] if second is None else names[1]}")
    row = ComparisonRow(
        name,
        title=next((side.title for side in reversed(sides) if side.title), ""),
        reported=any(side.reported for side in sides),
        source="; ".join(dict.fromkeys(side.source for side in sides if side.source)),
        notes=tuple(notes),
    )
    if first is not None:
        row = replace(row, first=first.value, first_interval=first.interval, first_epoch=first.epoch)
    if second is not None:
        row = replace(row, second=second.value, second_interval=second.interval, second_epoch=second.epoch)
    if first is None or second is None:
        return row
    differs = settings_that_differ({"settings": first.settings}, {"settings": second.settings})
    images = first.images if first.images == second.images else None
    if first.dataset and second.dataset and first.dataset != second.dataset:
        row = replace(row, notes=(*row.notes, f"on other data sets: {first.dataset} and {second.dataset}"))
    if first.images and second.images and images is None:
        row = replace(row, notes=(*row.notes, f"on {first.images:,} and {second.images:,} test images"))
    if first.value is None or second.value is None or first.epoch is not None or second.epoch is not None:
        return replace(row, differs=differs, images=images)
    return replace(row, differs=differs, images=images, delta=second.value - first.value)


def notes_on_numbers(rows: Sequence[ComparisonRow], metric: str) -> tuple[str, ...]:
    """Why nothing is tested, and below what size a difference means little."""
    plain = [row for row in rows if row.delta is not None and row.delta_interval is None]
    if not plain:
        return ()
    notes = [UNTESTED]
    images = {row.images for row in plain if row.images}
    if metric == "srcc" and len(images) == 1:
        count = images.pop()
        usual = fmean(value for row in plain for value in (row.first, row.second) if value is not None)
        least = critical_difference(usual, count)
        smaller = sum(abs(row.delta or 0.0) < least for row in plain)
        many = {0: "all of these are larger", len(plain): "all of these are smaller"}
        label = many.get(smaller, f"{smaller} of these {len(plain)} are smaller")
        notes.append(
            f"detection limit: about {least:.4f} (one seed each, {count:,} images, if the predictions of the two "
            f"correlate at {ASSUMED_CORRELATION:g}); {label}"
        )
    return tuple(notes)
