"""Builds the results of a study from its runs: a row per experiment for one metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import fmean, median

from iqa_train.errors import visible
from iqa_train.results.comparison import Comparison, NotComparableError, compare
from iqa_train.results.duplicated_images import duplicated_images
from iqa_train.results.factors import factors, settings_that_differ
from iqa_train.results.look_rows import beside_looks, beyond_design, look_notes, with_looks
from iqa_train.results.look_text import progress_text
from iqa_train.results.looks import take_looks
from iqa_train.results.machine import machine_note, with_machines
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, by_experiment, common_baseline, predictions_by_seed
from iqa_train.results.shown import difference_note
from iqa_train.results.standing import Value, is_unfinished, run_value, standing_beside, value_of
from iqa_train.results.table import Intervals, ResultRow, RunValue, StudyResults
from iqa_train.results.table_notes import family_note, interval_notes, kind_notes, scope_notes, value_notes
from iqa_train.results.verdict import with_verdicts
from iqa_train.runs.design_file import SealedDesign
from iqa_train.runs.state_names import NOT_STARTED
from iqa_train.stats.interval import Interval
from iqa_train.stats.pair_auc import MOST_PAIRS
from iqa_train.stats.planning import MOST_SEEDS
from iqa_train.stats.registry import METRICS

_IN_RESULT = ("srcc", "plcc", "krcc")  # metrics that result.json holds too
_ROUNDING = 1e-4  # generous for single precision
_FEW = 30  # test images; of simulated 95 % intervals, 86 of 100 hold the difference with 10 images, 95 to 98 from 30 on


def build_study_results(
    runs: Sequence[RunRecord],
    metric: str = "srcc",
    *,
    baseline: str | None = None,
    resamples: int | None = None,
    parameters: int = 4,
    anyway: bool = False,
    margins: Mapping[str, float] | None = None,
    primary: str = "srcc",
    design: SealedDesign | None = None,
    against: str = "",
    intervals: Intervals = "single",
) -> StudyResults:
    """Results of the runs of one study (from `run_record.record` or `record_study`): a row for each experiment.

    `baseline` is the experiment to compare with, by default the one that the specifications name; `against` is one to
    compare with instead, for which nothing is expected of differences. With `resamples` 0 rows have no intervals; that
    is fast enough to repeat every second. `parameters` (4 or 5) are the logistic's.
    `margins` are the declared differences that do not matter, by metric; `primary` is the metric that counts.
    With a `design`, its verdicts are those of the looks.
    `intervals` are those of differences.

    Raises NotComparableError, naming what differs, for other test images or scores than the baseline's, and for
    settings that differ beyond what the experiment declares. With `anyway` these become notes: rows on other images
    have no difference, rows with other settings have one.
    """
    grouped = {one: _begun(group) for one, group in by_experiment(runs).items()}
    usual = baseline or common_baseline(run.spec for run in runs)
    name, against = against or usual, against if against != usual else ""
    study = runs[0].folder.study if runs else ""
    base_runs = grouped.get(name, [])
    remarks = {one: _settings_notes(group, base_runs, name, anyway=anyway) for one, group in grouped.items()}
    tested = {one: ExperimentPredictions(one, predictions_by_seed(group)) for one, group in grouped.items()}
    comparisons = compare(
        list(tested.values()),
        tested.get(name),
        metric,
        resamples=resamples,
        parameters=parameters,
        overlap=fmean(ratios) if (ratios := [run.overlap for run in runs if run.overlap]) else 0.0,
        anyway=anyway,
    )
    experiments = {one.experiment: _Experiment(grouped[one.experiment], one, metric) for one in comparisons}
    base = experiments.get(name)
    plain = [_row(one, base, remarks[experiment]) for experiment, one in experiments.items()]
    if against:
        plain = [replace(row, expected_delta=None) for row in plain]
    most = design.max_seeds if design is not None and design.looks else MOST_SEEDS
    rows = with_verdicts(plain, comparisons, metric, (margins or {}).get(metric), most, intervals)
    rows = [replace(row, seeds_needed=None, seeds_limit=None) if row.external else row for row in rows]
    looks = None
    if design is not None and metric == design.metric and name == design.baseline and resamples != 0:
        looks = take_looks(runs, design, parameters)
        rows = with_looks(rows, looks, [row.notes for row in plain])
    shown: Intervals = "single" if looks else intervals  # those of looks hold at every look
    rows = with_machines(rows, grouped, name, metric, parameters)
    compared_with = next((row for row in rows if row.experiment == name), None)
    rows = [
        replace(row, notes=(*row.notes, note)) if (note := difference_note(row, compared_with)) else row for row in rows
    ]
    settings = next((run.spec["settings"] for run in runs if run.spec["settings"]), None)
    return StudyResults(
        study=study,
        title="",
        baseline=name,
        metric=metric,
        rows=tuple(rows),
        notes=(
            *_against_note(against, usual),
            *(look_notes(looks) if looks else ()),
            *kind_notes(rows),
            *(beside_looks(rows) if looks else ()),
            *_notes(rows, base_runs, name, metric, shown),
            *_metric_notes(metric, parameters, rows),
            *machine_note(rows),
            *(() if resamples == 0 else duplicated_images(list(tested.values()))),
        ),
        dataset=str(settings.get("dataset", "")) if settings else "",
        primary=primary,
        exploratory=beyond_design(rows, looks) if looks else "",
        progress=progress_text(looks) if looks else "",
        against=against,
        intervals=shown,
    )


@dataclass(frozen=True)
class _Difference:
    """A difference from the baseline, and the two values that it is of."""

    delta: float | None = None
    compared: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Experiment:
    """The runs of one experiment, and the comparison of their predictions with the baseline's."""

    runs: list[RunRecord]
    compared: Comparison
    metric: str

    @property
    def name(self) -> str:
        return self.compared.experiment

    @property
    def unfinished(self) -> bool:
        return is_unfinished(self.runs)

    @property
    def value(self) -> Value:
        return value_of(self.runs, self.compared.values, self.metric)


def _row(one: _Experiment, base: _Experiment | None, remarks: tuple[str, ...]) -> ResultRow:
    """The row of one experiment, without its verdict."""
    found, runs, spec = one.compared, one.runs, one.runs[0].spec
    others = base if base is not None and base.name != one.name else None
    own = one.value
    difference = _Difference() if others is None else _difference(one, others)
    expect = spec.get("expect", {}) if one.metric == "srcc" else {}
    gains = [run.optimism for run in runs if run.optimism is not None]
    tests = found.dependent
    return ResultRow(
        experiment=one.name,
        title=str(spec.get("title", "")),
        seeds=own.seeds,
        images=found.images,
        clusters=found.clusters,
        value=own.value,
        interval=found.interval,
        seed_sd=found.seed_sd,
        delta=difference.delta,
        compared=difference.compared,
        delta_interval=found.delta_interval,
        p=found.p,
        borrowed=found.borrowed,
        covers=found.covers,
        median=median(found.values.values()) if len(found.values) > 1 else None,
        values_by_seed=found.values,
        differences_by_seed=found.differences,
        p_williams=tests.p_williams if tests else None,
        zou_interval=tests.zou_interval if tests else None,
        p_delong=found.p_delong,
        expected=_span(expect.get("srcc")),
        expected_delta=None if base is one else _span(expect.get("delta")),
        provisional=one.unfinished or (others is not None and others.unfinished),
        epoch=own.epoch,
        standing=None if others is None else standing_beside(runs, others.runs, one.metric),
        runs=tuple(_with_remarks(run_value(run, found.values, one.metric), run) for run in runs),
        state="/".join(sorted({run.state.name for run in runs})),
        factors=() if others is None else factors(others.runs[0].spec, spec),
        optimism=fmean(gains) if gains else None,
        kind=runs[0].kind.name,
        about=runs[0].kind.about,
        notes=(
            *remarks,
            *(note for run in runs for note in run.notes),
            *_remarks(runs),
            *_unfinished(runs),
            *_at_odds(runs, one.metric),
            *found.notes,
            *own.notes,
            *difference.notes,
        ),
    )


def _difference(one: _Experiment, base: _Experiment) -> _Difference:
    """From predictions, else of reported values; none before both have a result."""
    found = one.compared
    if found.delta is not None:
        return _Difference(found.delta, found.compared)
    if found.value is not None and base.compared.value is not None:
        return _Difference()  # on other images; a note says so
    if all(run.failed for run in base.runs):
        return _Difference(notes=(f"not compared: {base.name} failed",))
    own, other = one.value, base.value
    if own.epoch is not None or own.value is None or other.epoch is not None or other.value is None:
        return _Difference()
    note = "difference of a value without predictions, which cannot be tested"
    return _Difference(own.value - other.value, (own.value, other.value), (note,))


def _begun(runs: list[RunRecord]) -> list[RunRecord]:
    """Without runs that were never started, if other seeds of the experiment were: the results are of those seeds."""
    begun = [run for run in runs if run.state.name != NOT_STARTED]
    return begun or runs


def _settings_notes(own: list[RunRecord], base: list[RunRecord], name: str, *, anyway: bool) -> tuple[str, ...]:
    """Undeclared differences: between the seeds of an experiment, and from the baseline. Raises NotComparableError."""
    complaints = []
    one = own[0].experiment
    for run in own[1:]:
        differ = settings_that_differ(own[0].spec, run.spec)
        if differ:
            complaints.append(f"{one}'s seeds {own[0].seed} and {run.seed} differ in {_named(differ)}")
    if base and one != name:
        declared = {*own[0].spec.get("differs", {}), *base[0].spec.get("differs", {})}
        undeclared = {k: v for k, v in settings_that_differ(base[0].spec, own[0].spec).items() if k not in declared}
        if undeclared:
            complaints.append(f"{one} and {name} differ in undeclared settings: {_named(undeclared)}")
    if complaints and not anyway:
        raise NotComparableError(f"{complaints[0]}; the difference would be confounded (--anyway shows it)")
    return tuple(complaints)


def _named(differ: dict[str, tuple[object, object]]) -> str:
    return ", ".join(f"{name} ({visible(f'{theirs} and {ours}')})" for name, (theirs, ours) in differ.items())


def _at_odds(runs: list[RunRecord], metric: str) -> list[str]:
    """Notes on runs whose result.json contradicts their predictions, as if one of the two were another run's."""
    if metric not in _IN_RESULT:
        return []
    notes = []
    for run in runs:
        for seed, table in run.predictions.items():
            logged, own = run.reported.get(seed, {}).get(metric), METRICS[metric].value(table.predictions, table.scores)
            if logged is not None and isfinite(own) and abs(logged - own) > _ROUNDING:
                name = METRICS[metric].label
                values = f"result.json says {name} {logged:.4f}, but its predictions give {own:.4f}, which is used"
                notes.append(f"suspicious: seed {seed}: {values}")
    return notes


def _with_remarks(value: RunValue, run: RunRecord) -> RunValue:
    return replace(value, note=run.remarks.note, tags=run.remarks.tags)


def _remarks(runs: list[RunRecord]) -> list[str]:
    """What a person has noted on the runs; what all of them have alike, once."""
    if len({run.remarks for run in runs}) == 1:
        return runs[0].remarks.lines
    return [f"{run.folder.seed_words}: {line}" for run in runs for line in run.remarks.lines]


def _unfinished(runs: list[RunRecord]) -> list[str]:
    """Notes on runs that ended without a result."""
    notes = []
    for run in runs:
        if run.again and run.counted is not None:
            how, until = ("is being run again", " until then") if run.pending else ("was started over in vain", "")
            notes.append(f"seed {run.seed} {how}: its finished attempt {run.counted.attempt} counts{until}")
        if not run.state.finished and not run.pending and run.state.name != NOT_STARTED:
            notes.append(f"seed {run.seed} {run.state.words}")
    done = sum(run.finished for run in runs)
    if 0 < done < len(runs):
        notes.append(f"{done} of {len(runs)} seeds finished")
    return notes


def _notes(
    rows: Sequence[ResultRow], base: list[RunRecord], name: str, metric: str, intervals: Intervals
) -> tuple[str, ...]:
    """Notes that hold for all rows."""
    notes = []
    if not name:
        notes.append("no baseline: nothing is compared")
    elif not base:
        notes.append(f"{name}, the baseline, has not been run: nothing is compared")
    elif all(run.failed for run in base):
        notes.append(f"{name}, the baseline, failed ({base[0].state.reason}): nothing is compared")
    elif len(rows) == 1:
        notes.append(f"{name} is the only experiment: there is nothing to compare")
    if any(row.interval for row in rows):
        notes += interval_notes([row.clusters for row in rows if row.interval], metric, intervals)
        notes += [*scope_notes(rows), *value_notes(rows)]
        fewest, what = min(
            (row.clusters, "reference images") if row.clusters else (row.images or 0, "test images")
            for row in rows
            if row.interval
        )
        if fewest < _FEW:
            notes.append(f"only {fewest} {what}: intervals are rough")
    return (*notes, *family_note(rows))


def _against_note(against: str, usual: str) -> tuple[str, ...]:
    if not against:
        return ()
    beside = f", beside those from {usual}" if usual else ""
    return (f"differences from {against}: a family of its own{beside}; verdicts of both together are not adjusted",)


def _metric_notes(metric: str, parameters: int, rows: Sequence[ResultRow]) -> tuple[str, ...]:
    """How the metric was computed, where there is a choice."""
    notes = [f"after a logistic fit with {parameters} parameters"] if METRICS[metric].fitted else []
    if METRICS[metric].beyond_opinions:
        notes.append("errors within the 95 % interval of an image's mean opinion score do not count (ITU-T P.1401)")
    if METRICS[metric].of_pairs:
        notes.append(
            "intervals and p are over images; DeLong's p takes pairs of images as independent and is too small"
        )
        largest = max((row.images or 0 for row in rows), default=0)
        if largest * (largest - 1) // 2 > MOST_PAIRS:
            notes.append(f"{MOST_PAIRS:,} of the pairs of {largest:,} images, drawn once for all")
    return tuple(notes)


def _span(span: Sequence[float] | None) -> Interval | None:
    return None if span is None else (float(span[0]), float(span[1]))
