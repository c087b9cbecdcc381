"""The results of a study, from its runs on disk: a row per experiment for one metric."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean

from iqa_train.errors import visible
from iqa_train.results.comparison import Comparison, NotComparableError, compare, resampled_words
from iqa_train.results.epochs import at_last_common_epoch, epochs_of
from iqa_train.results.factors import factors, settings_that_differ
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, by_experiment, common_baseline, predictions_by_seed
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.verdict import with_verdicts
from iqa_train.runs.state_names import NOT_STARTED
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS

_BOTH_TELL = ("srcc", "plcc", "krcc")  # result.json and predictions
_ROUNDING = 1e-4  # of single precision, generously
_FEW = 30  # test images; with 10, 86 of 100 simulated intervals of a difference held it, with 30 and more 95 to 98


def build_study_results(
    runs: Sequence[RunRecord],
    metric: str = "srcc",
    *,
    baseline: str | None = None,
    title: str = "",
    resamples: int | None = None,
    parameters: int = 4,
    anyway: bool = False,
) -> StudyResults:
    """Results of one study's `runs` (see `recorded.record` and `record_study`), a row for each experiment.

    `baseline` is the experiment to compare with, that of the specifications unless given. With `resamples` 0 nothing is
    resampled, and rows have no intervals: quick enough to be redone every second. `parameters` are the logistic's.

    Raises NotComparableError, naming what differs, for test images or scores that are not the baseline's, and for
    settings that differ beyond those that an experiment is about. With `anyway` these become notes: rows on other
    images have no difference, rows with other settings have one.
    """
    count = METRICS[metric].resamples if resamples is None else resamples
    grouped = by_experiment(runs)
    first = next((run.spec for run in runs if run.spec["settings"]), {})
    name = baseline or common_baseline(run.spec for run in runs)
    study = runs[0].folder.study if runs else ""
    remarks = {one: _settings_notes(own, grouped.get(name, []), name, anyway=anyway) for one, own in grouped.items()}
    tested = {one: ExperimentPredictions(one, predictions_by_seed(own)) for one, own in grouped.items()}
    found = compare(
        list(tested.values()),
        tested.get(name),
        metric,
        key=f"{study}/{metric}",
        resamples=count,
        parameters=parameters,
        anyway=anyway,
    )
    base = grouped.get(name, [])
    comparisons = dict(zip(tested, found, strict=True))
    rows = []
    for one, own in grouped.items():
        row = _row(own, comparisons[one], metric, is_baseline=one == name)
        if one != name and base:
            row = _beside(row, own, base, comparisons, metric)
            row = replace(row, factors=factors(base[0].spec, own[0].spec))
        rows.append(replace(row, notes=(*remarks[one], *row.notes)))
    rows = with_verdicts(rows, list(comparisons.values()), metric)
    return StudyResults(
        study=study,
        title=title,
        baseline=name,
        metric=metric,
        rows=tuple(rows),
        notes=(*_notes(rows, base, name, metric, count), *_fit_note(metric, parameters)),
        dataset=str(first.get("settings", {}).get("dataset", "")),
    )


def _settings_notes(own: list[RunRecord], base: list[RunRecord], name: str, *, anyway: bool) -> tuple[str, ...]:
    """What differs that should not: between an experiment's seeds, and from the baseline beyond what it is about."""
    complaints = []
    one = own[0].experiment
    for run in own[1:]:
        differ = settings_that_differ(own[0].spec, run.spec)
        if differ:
            complaints.append(f"{one}'s seeds {own[0].seed} and {run.seed} differ in {_named(differ)}")
    if base and one != name:
        declared = set(own[0].spec.get("differs", {}))
        undeclared = {k: v for k, v in settings_that_differ(base[0].spec, own[0].spec).items() if k not in declared}
        if undeclared:
            complaints.append(f"{one} and {name} differ in more than they should: {_named(undeclared)}")
    if complaints and not anyway:
        raise NotComparableError(f"{complaints[0]}; the difference would be confounded (--anyway shows it)")
    return tuple(complaints)


def _named(differ: dict[str, tuple[object, object]]) -> str:
    return ", ".join(f"{name} ({visible(f'{theirs} and {ours}')})" for name, (theirs, ours) in differ.items())


def _row(runs: list[RunRecord], found: Comparison, metric: str, *, is_baseline: bool) -> ResultRow:
    """An experiment's own part."""
    spec = runs[0].spec
    expect = spec.get("expect", {}) if metric == "srcc" else {}
    gains = [run.optimism for run in runs if run.optimism is not None]
    row = ResultRow(
        experiment=found.experiment,
        title=str(spec.get("title", "")),
        seeds=found.seeds,
        images=found.images,
        clusters=found.clusters,
        value=found.value,
        interval=found.interval,
        seed_sd=found.seed_sd,
        expected=_span(expect.get("srcc")),
        expected_delta=None if is_baseline else _span(expect.get("delta")),
        provisional=any(run.unfinished for run in runs),
        state="/".join(sorted({run.state.name for run in runs})),
        optimism=fmean(gains) if gains else None,
        notes=(*(n for run in runs for n in run.notes), *_unfinished(runs), *_at_odds(runs, metric), *found.notes),
    )
    return _without_predictions(row, runs, metric) if row.value is None else row


def _without_predictions(row: ResultRow, runs: list[RunRecord], metric: str) -> ResultRow:
    """The value that result.json reports, or that of the last epoch."""
    reported = {seed: v for run in runs for seed, r in run.reported.items() if (v := r.get(metric)) is not None}
    if reported and not any(run.predictions for run in runs):
        note = "value as the run reported it, without an interval"
        return replace(row, seeds=tuple(sorted(reported)), value=fmean(reported.values()), notes=(*row.notes, note))
    stands = at_last_common_epoch(epochs_of(r for r in runs if not r.state.finished), {}, metric)
    if stands is None:
        return row
    return replace(row, value=stands.value, epoch=stands.epoch)


def _beside(
    row: ResultRow, own: list[RunRecord], base: list[RunRecord], comparisons: dict[str, Comparison], metric: str
) -> ResultRow:
    """A row with its difference from the baseline: resampled, of reported values, or by epoch, as far as there is."""
    found, other = comparisons[row.experiment], comparisons[base[0].experiment]
    row = replace(row, provisional=row.provisional or any(run.unfinished for run in base))
    if found.delta is not None:
        tests = found.dependent
        return replace(
            row,
            delta=found.delta,
            delta_interval=found.delta_interval,
            p=found.p,
            p_williams=tests.p_williams if tests else None,
            zou_interval=tests.zou_interval if tests else None,
        )
    if found.value is not None and other.value is not None:
        return row  # on other images: said already
    whose = base[0].experiment
    if all(run.failed for run in base):
        return replace(row, notes=(*row.notes, f"no difference: {whose} failed"))
    theirs = _row(base, other, metric, is_baseline=True)
    if row.epoch is None and row.value is not None and theirs.epoch is None and theirs.value is not None:
        note = "difference of a value without predictions, which cannot be tested"
        return replace(row, delta=row.value - theirs.value, notes=(*row.notes, note))
    stands = at_last_common_epoch(epochs_of(own), epochs_of(base), metric) if row.provisional else None
    if stands is None or stands.delta is None:
        return row
    row = replace(row, delta=stands.delta, epoch=stands.epoch)
    if found.value is not None:  # this one is finished
        return replace(row, notes=(*row.notes, f"difference at epoch {stands.epoch}, the last that both have"))
    return replace(row, value=stands.value)


def _at_odds(runs: list[RunRecord], metric: str) -> list[str]:
    """Where a run's result.json and its predictions do not go together, as if one of the two were another run's."""
    if metric not in _BOTH_TELL:
        return []
    notes = []
    for run in runs:
        for seed, table in run.predictions.items():
            logged, own = run.reported.get(seed, {}).get(metric), METRICS[metric].value(table.predictions, table.scores)
            if logged is not None and isfinite(own) and abs(logged - own) > _ROUNDING:
                name = METRICS[metric].label
                says = f"result.json says {name} {logged:.4f}, and its predictions {own:.4f}, which count"
                notes.append(f"suspicious: seed {seed}: {says}")
    return notes


def _unfinished(runs: list[RunRecord]) -> list[str]:
    """What became of the runs without a result."""
    notes = []
    for run in runs:
        if not run.state.finished and not run.pending and run.state.name != NOT_STARTED:
            why = f": {run.state.reason}" if run.state.reason else ""
            notes.append(f"seed {run.seed} {run.state.name}{why}")
    done = sum(run.state.finished for run in runs)
    if 0 < done < len(runs):
        notes.append(f"{done} of {len(runs)} seeds finished")
    return notes


def _notes(rows: Sequence[ResultRow], base: list[RunRecord], name: str, metric: str, resamples: int) -> tuple[str, ...]:
    """What holds for all rows."""
    notes = []
    if not name:
        notes.append("no baseline: nothing is compared")
    elif not base:
        notes.append(f"{name}, the baseline, has not been run: nothing is compared")
    elif all(run.failed for run in base):
        notes.append(f"{name}, the baseline, failed ({base[0].state.reason}): nothing is compared")
    elif len(rows) == 1:
        notes.append(f"{name} is the only experiment: there is nothing to compare it with")
    if any(row.interval for row in rows):
        notes += resampled_words(resamples, [row.clusters for row in rows if row.interval], metric)
        most = max(len(row.seeds) for row in rows)
        notes.append("test-set uncertainty only: one seed each" if most == 1 else "over images and seeds")
        fewest, what = min(
            (row.clusters, "references") if row.clusters else (row.images or 0, "test images")
            for row in rows
            if row.interval
        )
        if fewest < _FEW:
            notes.append(f"only {fewest} {what}: intervals are rough")
    tested = sum(row.p is not None for row in rows)
    if tested > 1:
        notes.append(f"p adjusted over {tested} experiments (Holm)")
    return tuple(notes)


def _fit_note(metric: str, parameters: int) -> tuple[str, ...]:
    return (f"after a logistic fit of {parameters} parameters",) if metric.endswith("_fit") else ()


def _span(span: Sequence[float] | None) -> Interval | None:
    return None if span is None else (float(span[0]), float(span[1]))
