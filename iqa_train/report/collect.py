"""Collects the data of a report: results for every metric, and the runs' settings and provenance.

Damaged or missing files are left out; the state of the run says what is wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from iqa_train.datasets.leaks import audit_with_data
from iqa_train.errors import RunError
from iqa_train.report.cost import costs
from iqa_train.report.learning import learning
from iqa_train.report.report_data import Origin, Progress, ReportData
from iqa_train.report.sweeps import find_sweeps
from iqa_train.results.cross_dataset import cross_dataset_results, cross_dataset_tables
from iqa_train.results.epochs import curves
from iqa_train.results.factors import meaningful_settings
from iqa_train.results.reported import reference_row
from iqa_train.results.run_record import RunRecord
from iqa_train.results.selection import RunSelection
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import Intervals, ResultRow, StudyResults
from iqa_train.runs.documents import CodeFacts, ProvenanceFacts
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.registry import METRICS
from iqa_train.study.findings import Finding
from iqa_train.study.inert import effective
from iqa_train.study.literature import groups_of, references_of
from iqa_train.study.profiles import seeds_of
from iqa_train.study.setting_fields import SETTINGS, is_local

_DIGITS = 12

PEEKING = (
    "no design was declared: looking after every seed, and stopping at a verdict, errs in more than 5 of 100 studies"
)


def results_of(
    chosen: RunSelection,
    metric: str,
    *,
    anyway: bool = False,
    resamples: int | None = None,
    parameters: int = 4,
    against: str = "",
    intervals: Intervals = "single",
) -> StudyResults:
    """The study's results for one metric, with reported values of the study in the last rows.

    `resamples`, `parameters`, `against` and `intervals` are those of `build_study_results`. Raises NotComparableError.
    """
    if chosen.on:
        return cross_dataset_results(
            chosen, metric, anyway=anyway, resamples=resamples, parameters=parameters, against=against,
            intervals=intervals,
        )  # fmt: skip
    declared = chosen.declared
    found = build_study_results(
        chosen.runs, metric, baseline=chosen.baseline, anyway=anyway, resamples=resamples,
        parameters=parameters, margins=declared.margins, primary=declared.metric, design=declared.design,
        against=against, intervals=intervals,
    )  # fmt: skip
    exploratory = declared.exploratory or found.exploratory
    if found.against and declared.design is not None:
        exploratory = exploratory or f"the design has no differences from {found.against}"
    own = _reported(chosen, metric, "") + _reported(chosen, metric, chosen.name)
    notes = () if chosen.runs else found.notes
    return replace(
        found,
        study=chosen.name,
        title=chosen.title,
        rows=(*found.rows, *own),
        exploratory=exploratory,
        notes=(
            *_design_notes(chosen, found, exploratory),
            *chosen.notes,
            *(note for note in found.notes if note not in notes),
        ),
    )


def _design_notes(chosen: RunSelection, found: StudyResults, exploratory: str) -> tuple[str, ...]:
    """Why verdicts are exploratory, or were looked at more than once without a design."""
    if exploratory:
        return (f"exploratory: {exploratory}",)
    if chosen.declared.design is not None or found.secondary:
        return ()
    planned = seeds_of(chosen.study, chosen.profile) if chosen.study is not None else ()
    tested = [row for row in found.rows if row.p is not None and row.scope == "component" and len(row.seeds) > 1]
    if not tested or all(set(row.seeds) == set(planned) for row in found.rows if not (row.reported or row.external)):
        return ()
    return (PEEKING,)


def reported_of(chosen: RunSelection, metric: str) -> tuple[StudyResults, ...]:
    """Reported results of other studies on the same test images, a table for each."""
    if chosen.study is None:
        return ()
    groups = [group for group in groups_of(chosen.study) if group != chosen.name]
    tables = [
        StudyResults(group, "", chosen.baseline or "", metric, _reported(chosen, metric, group)) for group in groups
    ]
    return tuple(table for table in tables if table.rows)


def _reported(chosen: RunSelection, metric: str, group: str) -> tuple[ResultRow, ...]:
    """Rows of the references in a group; "" for those without a group."""
    if chosen.study is None:
        return ()
    return tuple(
        row
        for reference in references_of(chosen.study, chosen.profile, group)
        if reference.study == group and (row := reference_row(chosen.study, reference, metric)).value is not None
    )


def require_runs(chosen: RunSelection, runs_dir: Path) -> None:
    """Raise RunError if no run of the study was ever started."""
    if not any(run.folder.attempts() for run in chosen.runs):
        raise RunError(f"no run of {chosen.name} in {runs_dir} has been started; there is nothing to report")


def gather(
    chosen: RunSelection,
    runs_dir: Path,
    metric: str = "srcc",
    *,
    anyway: bool = False,
    intervals: Intervals = "single",
    pictures: bool = True,
    progress: Progress | None = None,
) -> ReportData:
    """All data of a report; `metric` comes first and is the one in the figures. Raises NotComparableError.

    `pictures`: with small pictures of test images. `progress` is called with what is done, how much, and of how much.
    """
    known = any(table.opinions is not None for run in chosen.runs for table in run.predictions.values())
    metrics = [metric, *(name for name, one in METRICS.items() if name != metric and (known or not one.needs_opinions))]
    from iqa_train.report.worst_images import worst_images  # needs an image library, which tables do not

    computed = []
    for number, name in enumerate(metrics):
        if progress is not None:
            progress("metrics", number, len(metrics))
        computed.append(results_of(chosen, name, anyway=anyway, intervals=intervals))
    results, predictions = tuple(computed), predictions_of(chosen.runs)
    base = next((run for run in chosen.runs if run.experiment == results[0].baseline), None)
    return ReportData(
        results=results,
        curves=tuple(curves(chosen.runs, results[0])),
        predictions=predictions,
        parameters=parameters_of(chosen.runs),
        reported=() if chosen.on else reported_of(chosen, metric),
        cross=() if chosen.on else cross_dataset_tables(chosen, metric, intervals),
        sweeps=() if chosen.on else find_sweeps(chosen, results[0], runs_dir),
        findings=_findings(chosen),
        settings=differing_settings(chosen.runs),
        origins=tuple(_origin(run) for run in chosen.runs if run.folder.attempts()),
        learning=learning(chosen.runs),
        costs=costs(chosen.runs),
        worst=worst_images(base, predictions, dataset=chosen.on or "", pictures=pictures),
    )


def predictions_of(runs: Sequence[RunRecord]) -> dict[str, Predictions]:
    """Each experiment's predictions on the test images, from the first seed that has them."""
    found: dict[str, Predictions] = {}
    for run in runs:
        for table in run.predictions.values():
            found.setdefault(run.experiment, table)
    return found


def parameters_of(runs: Sequence[RunRecord]) -> dict[str, int]:
    """The number of parameters of each experiment's network, where a result records it."""
    found: dict[str, int] = {}
    for run in runs:
        rounds = run.result.get("rounds") or [{}]
        if parameters := rounds[0].get("parameters"):
            found.setdefault(run.experiment, parameters)
    return found


def differing_settings(runs: Sequence[RunRecord]) -> dict[str, dict[str, Any]]:
    """By experiment, the settings in which experiments differ; settings without effect count as switched off."""
    settings: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        if run.kind.name != "external":  # it has none but the data set
            settings.setdefault(run.experiment, _acting(run))
    names = dict.fromkeys(name for values in settings.values() for name in values if not _is_irrelevant(name))
    differ = [name for name in names if len({repr(v[name]) for v in settings.values() if name in v}) > 1]
    if not differ:
        return {}
    return {experiment: {name: values.get(name) for name in differ} for experiment, values in settings.items()}


def _acting(run: RunRecord) -> Mapping[str, Any]:
    if run.settings is None or run.kind.name == "command":
        return meaningful_settings(run.spec)
    return effective(run.settings).model_dump()


def _is_irrelevant(name: str) -> bool:
    return name == "seed" or (name in SETTINGS and is_local(name))


def _findings(chosen: RunSelection) -> tuple[Finding, ...]:
    return () if chosen.study is None else tuple(audit_with_data(chosen.study, chosen.profile))


def _origin(run: RunRecord) -> Origin:
    origin = run.provenance
    return Origin(
        experiment=run.experiment,
        seed=run.seed,
        state=run.state.name,
        config_hash=run.folder.config_hash,
        commit=_elsewhere(origin) or _code(origin.get("code", {})),
        data=origin.get("data", {}).get("fingerprint", "")[:_DIGITS],
        device=origin.get("device", {}).get("name", ""),
        python=origin.get("host", {}).get("python", ""),
        packages=origin.get("packages", {}),
        remarks="; ".join(run.remarks.lines),
    )


def _elsewhere(origin: ProvenanceFacts) -> str:
    """Which file predictions were imported from; "" for others."""
    found = origin.get("external")
    return f"elsewhere: predictions with sha256 {found['sha256'][:_DIGITS]}" if found else ""


def _code(code: CodeFacts) -> str:
    """The commit, or the fingerprint of the source, and whether there were uncommitted changes."""
    commit = code.get("commit")
    if not commit:
        return f"source {code['fingerprint']}" if code.get("fingerprint") else ""
    return commit[:_DIGITS] + (" + changes" if code.get("dirty") else "")
