"""Comparisons of which one side at least is known as numbers alone: reported ones, and runs without predictions.

A difference of such numbers has neither p nor interval. Both rest on how the two models' errors go together on the same
images, and that nobody can tell from two correlations.
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
    "differences of numbers alone have no p value and no interval: both need the predictions of the two on the same "
    "images"
)


@dataclass(frozen=True)
class ReportedValue:
    """One experiment of one side. `settings` are those that are known; `reported`: not from a run of this program."""

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
    dataset: str = ""  # whose test images
    epoch: int | None = None  # of an unfinished run: the epoch that the value is of


ReportedSide = Mapping[str, ReportedValue]


def numbers_of_group(study: Study, group: str, metric: str, profile: str | None = None) -> dict[str, ReportedValue]:
    """A group of references, by experiment; those that share theirs, or have none, by id."""
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
    """The runs of a study, by experiment, as its table of results has them, but for differences from its baseline."""
    alone = [replace(run, spec={**run.spec, "baseline": None}) for run in runs]
    rows = {row.experiment: row for row in build_study_results(alone, metric, anyway=True).rows}
    return {name: _of_runs(own, rows[name], metric) for name, own in by_experiment(runs).items()}


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
    """Experiment by experiment: values, their plain difference, and the known settings that differ."""
    rows = tuple(_row(name, first.get(name), second.get(name), names) for name in dict.fromkeys([*first, *second]))
    paired = [row for row in rows if row.experiment in first and row.experiment in second]
    everywhere = paired[0].differs if paired else {}
    everywhere = {k: v for k, v in everywhere.items() if all(row.differs.get(k) == v for row in paired)}
    return StudyComparison(*names, metric, rows, everywhere, notes_on_numbers(rows, metric))


def with_numbers(across: StudyComparison, first: ReportedSide, second: ReportedSide) -> StudyComparison:
    """`across` with the values of experiments that have no predictions, and their plain differences."""
    names = (across.first, across.second)
    rows = tuple(
        row if row.first is not None and row.second is not None
        else replace(_row(row.experiment, first.get(row.experiment), second.get(row.experiment), names),
                     differs=row.differs)
        for row in across.rows
    )  # fmt: skip
    return replace(across, rows=rows, notes=(*across.notes, *notes_on_numbers(rows, across.metric)))


def _row(name: str, one: ReportedValue | None, two: ReportedValue | None, names: tuple[str, str]) -> ComparisonRow:
    sides = [side for side in (one, two) if side is not None]
    notes = list(dict.fromkeys(note for side in sides for note in side.notes))
    if one is None or two is None:
        notes.insert(0, f"only in {names[0] if two is None else names[1]}")
    row = ComparisonRow(
        name,
        title=next((side.title for side in reversed(sides) if side.title), ""),
        reported=any(side.reported for side in sides),
        source="; ".join(dict.fromkeys(side.source for side in sides if side.source)),
        notes=tuple(notes),
    )
    if one is not None:
        row = replace(row, first=one.value, first_interval=one.interval, first_epoch=one.epoch)
    if two is not None:
        row = replace(row, second=two.value, second_interval=two.interval, second_epoch=two.epoch)
    if one is None or two is None:
        return row
    differs = settings_that_differ({"settings": one.settings}, {"settings": two.settings})
    images = one.images if one.images == two.images else None
    if one.dataset and two.dataset and one.dataset != two.dataset:
        row = replace(row, notes=(*row.notes, f"on other data sets: {one.dataset} and {two.dataset}"))
    if one.images and two.images and images is None:
        row = replace(row, notes=(*row.notes, f"on {one.images:,} and {two.images:,} test images"))
    if one.value is None or two.value is None or one.epoch is not None or two.epoch is not None:
        return replace(row, differs=differs, images=images)
    return replace(row, differs=differs, images=images, delta=two.value - one.value)


def notes_on_numbers(rows: Sequence[ComparisonRow], metric: str) -> tuple[str, ...]:
    """Why nothing is tested, and what size of difference is worth a thought."""
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
            f"for scale: one seed each on {count:,} images shows no difference below about {least:.4f}, if the "
            f"predictions of the two correlate {ASSUMED_CORRELATION:g}; {label}"
        )
    return tuple(notes)
