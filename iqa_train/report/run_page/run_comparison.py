"""Two runs side by side: results and their difference, settings that differ, how each ended, curves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iqa_train.errors import UserError
from iqa_train.report.numbers import NONE, measured, number, p_words
from iqa_train.report.run_page.json_fields import cannot_be_read, contents, moment, words
from iqa_train.report.run_page.settings import settings_of
from iqa_train.report.sections import Line, Mark, Section, prose
from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.epochs import curves
from iqa_train.results.factors import factors, settings_that_differ
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import RunRecord, record_of
from iqa_train.results.shown import at_epoch
from iqa_train.results.table import Curve, ResultRow
from iqa_train.results.table_notes import ONE_SEED, interval_notes
from iqa_train.results.verdict import LEVEL, conclusion, is_better
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.progress import RunProgress, progress_of
from iqa_train.runs.rounding import words_of
from iqa_train.runs.snapshot import RunSnapshot, read_snapshot
from iqa_train.stats.registry import METRICS
from iqa_train.study.inert import inert
from iqa_train.study.messages import shown
from iqa_train.study.model import Study
from iqa_train.text import format_duration

_METRICS = ("srcc", "plcc")


@dataclass(frozen=True)
class TwoRuns:
    """The page of two runs, and their curves by epoch, labelled like the runs."""

    sections: tuple[Section, ...]
    curves: tuple[Curve, ...] = ()
    epochs: int = 0  # planned; of the longer run


@dataclass(frozen=True)
class _Side:
    label: str
    run: RunRecord
    snapshot: RunSnapshot
    progress: RunProgress


def two_runs(
    folders: tuple[RunFolder, RunFolder], labels: tuple[str, str], study: Study | None, profile: str | None
) -> TwoRuns:
    """Compare two runs, the second minus the first. Never raises for damaged files: a section says what is wrong."""
    try:
        one, two = (_side(f, label, study, profile) for f, label in zip(folders, labels, strict=True))
    except UserError as error:
        return TwoRuns((Section("Not compared", (prose(str(error), "error"),)),))
    except OSError as error:
        return TwoRuns((Section("Not compared", (prose(cannot_be_read(error, folders[0].path), "error"),)),))
    sections = (_results(one, two), _settings(one, two), _ends(one, two))
    curves = (_curve(one), _curve(two))
    return TwoRuns(sections, curves, max(one.progress.epochs or 0, two.progress.epochs or 0))


def _side(folder: RunFolder, label: str, study: Study | None, profile: str | None) -> _Side:
    snapshot = read_snapshot(folder, whole=True)
    found, _ = contents(snapshot.spec)
    if "settings" not in found:
        found = {"settings": dict(settings_of(snapshot, study, profile).values)}
    spec = {"experiment": folder.experiment, "seed": folder.seed, **found}
    run = record_of(spec, snapshot)
    return _Side(label, run, snapshot, progress_of(snapshot, run.state))


def _results(one: _Side, two: _Side) -> Section:
    lines: list[Line] = []
    notes: dict[str, None] = {}
    for metric in _METRICS:
        first, second = _compared(one, two, metric)
        values = [_value(c, s, metric) for c, s in ((first, one), (second, two))]
        verdict = _verdict(second, two.label, metric)
        mark: Mark = {True: "good", False: "warning", None: ""}[verdict.better]  # type: ignore[assignment]
        delta = measured(second.delta, second.delta_interval, signed=True)
        lines.append(Line((METRICS[metric].label, *values, delta), mark))
        if second.p is not None:
            lines.append(Line(("", "", "", "; ".join(filter(None, [conclusion(verdict), p_words(second.p)])))))
        notes |= dict.fromkeys((*first.notes, *second.notes, *([ONE_SEED] if second.scope == "runs" else [])))
    lines += [prose(note, "note") for note in notes]
    clusters = [c.clusters for c in (first, second) if c.interval is not None]
    if clusters:
        words = interval_notes(clusters, metric)
        lines += [prose(f"{words[0]}; p is not adjusted for other comparisons")]
    return Section("Results", tuple(lines), ("", one.label, two.label, f"{two.label} minus {one.label}"))


def _compared(one: _Side, two: _Side, metric: str) -> list[Comparison]:
    tested = [ExperimentPredictions(side.label, side.run.predictions) for side in (one, two)]
    return compare(tested, tested[0], metric, anyway=True)


def _value(found: Comparison, side: _Side, metric: str) -> str:
    if found.value is not None:
        return measured(found.value, found.interval)
    own = side.progress.srcc if metric == "srcc" else side.progress.plcc
    if own is None:
        return NONE
    return f"{number(own)} as reported" if side.run.finished else at_epoch(own, side.progress.selected)


def _verdict(found: Comparison, label: str, metric: str) -> ResultRow:
    """A row with what can be concluded of the second run, or of its component where both have several rounds."""
    if found.p is None or found.delta is None or found.delta_interval is None:
        return ResultRow(label)
    low, high = found.delta_interval
    differs, component = found.p < LEVEL and not low <= 0 <= high, found.scope == "component"
    return ResultRow(
        label,
        distinguishable=differs,
        scope=found.scope,
        higher=found.delta > 0 if differs else None,
        better=is_better(found.delta, metric) if differs and component else None,
        at_most=found.law.bound(found.delta) if found.law is not None and component else None,
    )


def _settings(one: _Side, two: _Side) -> Section:
    title = "Settings that differ"
    differ = settings_that_differ(one.run.spec, two.run.spec)
    if not one.run.spec["settings"] or not two.run.spec["settings"]:
        return Section(title, (prose("the settings of one run are unknown", "error"),))
    if not differ:
        return Section(title, (prose("none that affects results" + _seeds(one, two)),))
    silent = [_inert(side.run) for side in (one, two)]
    lines = []
    for name, values in differ.items():
        cells = [shown(v) + (" (no effect)" if name in off else "") for v, off in zip(values, silent, strict=True)]
        lines.append(Line((name, *cells), "inert" if all(name in off for off in silent) else "differs"))
    acting = factors(one.run.spec, two.run.spec)
    if len(acting) > 1:
        lines.append(prose(f"several factors together: {', '.join(acting)}", "warning"))
    elif not acting:
        lines.append(prose("none of these affects results", "note"))
    return Section(title, tuple(lines), ("Setting", one.label, two.label))


def _seeds(one: _Side, two: _Side) -> str:
    return "" if one.run.seed == two.run.seed else f": seeds {one.run.seed} and {two.run.seed} of the same experiment"


def _inert(run: RunRecord) -> set[str]:
    return set() if run.settings is None else {rule.setting for rule in inert(run.settings)}


def _ends(one: _Side, two: _Side) -> Section:
    columns = [_end(side) for side in (one, two)]
    lines = [Line((name, columns[0][name], columns[1][name])) for name in columns[0]]
    lines = [line for line in lines if any(line.cells[1:])]
    return Section("How each ended", tuple(lines), ("", one.label, two.label))


def _end(side: _Side) -> dict[str, str]:
    run, progress, snapshot = side.run, side.progress, side.snapshot
    runner = snapshot.last.facts if snapshot.last else {}
    result = contents(snapshot.result)[0]
    first: Mapping[str, Any] = next(iter(result.get("rounds", [])), {})
    return {
        "state": run.state.name,
        "reason": run.state.reason,
        "epochs": f"{progress.epoch} of {progress.epochs}" if progress.epochs and progress.epoch is not None else "",
        "best epoch": words(first, "best_epoch"),
        "time": format_duration(progress.seconds) if run.state.finished else "",
        "attempts": str(len(snapshot.known_attempts)),
        "started": moment(words(runner, "started")),
        "device": words(runner, "device", "label"),
        "rounding": words_of(run.rounding[0].values()) if run.rounding else "",
        "host": words(runner, "host"),
        "program": words(runner, "code"),
        "note": run.remarks.note,
        "tags": ", ".join(run.remarks.tags),
    }


def _curve(side: _Side) -> Curve:
    return replace(curves([side.run])[0], experiment=side.label)
