"""Results of a run: its experiment compared with the baseline, the verdict, and metrics by round."""

from collections.abc import Sequence
from statistics import fmean

from iqa_train.report.numbers import given_span, measured, number
from iqa_train.report.run_page.json_fields import Document, contents, figure, value_at, words
from iqa_train.report.sections import Line, Section, pair, prose
from iqa_train.results.shown import at_epoch
from iqa_train.results.table import ResultRow
from iqa_train.runs.counted_result import counted_result, epochs_of, selected_epoch
from iqa_train.runs.progress import progress_of
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.state import state_of
from iqa_train.stats.registry import METRICS
from iqa_train.text import plural

_MEASURES = ("srcc", "krcc", "plcc", "rmse")
_SPLITS = ("val", "test")


def results_section(run: RunSnapshot, row: ResultRow | None, reasons: Sequence[str], *, baseline: str = "") -> Section:
    """`row` is the experiment's row of the results table, over all its seeds; `reasons` its verdict in sentences."""
    result, problem = contents(run.result)
    lines = [prose(problem, "error")] if problem else []
    counted = counted_result(run)
    if row is not None and row.value is not None:
        lines += _of_experiment(row, baseline)
    lines += [prose(sentence) for sentence in reasons]
    if counted is not None and counted.set_aside:
        lines += [*_this_run(dict(counted.result), f"attempt {counted.attempt}"), *_rounds(dict(counted.result))]
        lines.append(_so_far(run))
    elif result:
        lines += [*_this_run(result), *_rounds(result)]
    elif not problem:
        lines.append(_so_far(run))
    return Section("Results", tuple(lines))


def _of_experiment(row: ResultRow, baseline: str) -> list[Line]:
    name = METRICS["srcc"].label
    seeds = f", mean of {len(row.seeds)} seeds" if len(row.seeds) > 1 else ""
    images = f" on {row.images} test images" if row.images else ""
    value = measured(row.value, row.interval) if row.epoch is None else at_epoch(row.value or 0.0, row.epoch)
    lines = [pair(name, f"{value}{images}{seeds}")]
    if row.delta is not None:
        emphasis = {True: "good", False: "warning", None: ""}[row.better]
        words_ = measured(row.delta, row.delta_interval, signed=True)
        words_ += f", of {number(row.compared[0])} and {number(row.compared[1])}" if row.compared else ""
        lines.append(Line((f"vs {baseline or 'baseline'}", words_), emphasis))  # type: ignore[arg-type]
    if row.expected is not None:
        lines.append(pair("expected", given_span(row.expected) + (f" ({row.position})" if row.position else "")))
    if row.median is not None:
        lines.append(pair("median", number(row.median)))
    if row.seed_sd is not None:
        lines.append(pair("seed SD", number(row.seed_sd)))
    return lines


def _measures(result: Document) -> str:
    found = [(name.upper(), figure(result, name)) for name in _MEASURES]
    places = {"RMSE": 2}  # on the scale of the opinion scores
    return ", ".join(f"{name} {number(value, places.get(name, 4))}" for name, value in found if value is not None)


def _this_run(result: Document, attempt: str = "") -> list[Line]:
    """The run's measures; over several rounds, result.json has their medians, and results tables their means.

    Those of a single round are in that round's own lines; `attempt` is named where it is not the last one.
    """
    count = len(_round_list(result))
    if count < 2:
        tested = count and value_at(_round_list(result)[0], "test")
        return [] if tested and not attempt else [pair(attempt or "this run", _measures(result))]
    tests = [value_at(one, "test") or {} for one in _round_list(result)]
    values = {name: [v for test in tests if (v := figure(test, name)) is not None] for name in _MEASURES}
    means = {name: fmean(known) for name, known in values.items() if known}
    return [pair(f"median of {count} rounds", _measures(result)), pair(f"mean of {count} rounds", _measures(means))]


def _round_list(result: Document) -> list[Document]:
    rounds = value_at(result, "rounds")
    return [one for one in rounds if isinstance(one, dict)] if isinstance(rounds, list) else []


def _rounds(result: Document) -> list[Line]:
    rounds = _round_list(result)
    lines = []
    for one in rounds:
        of = f"round {words(one, 'round')}: " if len(rounds) > 1 else ""
        lines.append(pair(f"{of}best epoch", _best(one)))
        for split in _SPLITS:
            lines.append(pair(f"{of}{split}", _measures(value_at(one, split) or {})))
        lines.append(pair(f"{of}optimism", _optimism(one)))
        cross = value_at(one, "cross")
        for dataset, measures in cross.items() if isinstance(cross, dict) else ():
            lines.append(pair(f"{of}on {dataset}", _measures(measures)))
    parameters = figure(rounds[0], "parameters") if rounds else None
    lines.append(pair("parameters", f"{parameters:,.0f}" if parameters else ""))
    return [line for line in lines if line.cells[1]]


def _best(one: Document) -> str:
    best = words(one, "best_epoch")
    if not best:
        return ""
    early = ", stopped early" if value_at(one, "stopped_early") else ""
    by = f", chosen on {words(one, 'select_on')}" if words(one, "select_on") else ""
    return f"{best} of {words(one, 'epochs')}{by}{early}"


def _optimism(one: Document) -> str:
    """What choosing the epoch on the test images would have reported."""
    claimed, own = figure(one, "test_chosen", "srcc"), figure(one, "test", "srcc")
    if claimed is None or own is None:
        return ""
    epoch = words(one, "test_chosen", "epoch")
    return f"choosing on test would have selected epoch {epoch}, with {number(claimed - own, signed=True)} SRCC"


def _so_far(run: RunSnapshot) -> Line:
    events = epochs_of(run)
    best, planned = selected_epoch(events or []), progress_of(run, state_of(run)).epochs
    if not events or best is None:
        return prose("so far: no epoch is complete")
    at = f"{len(events)} of {planned} epochs" if planned else plural(len(events), "epoch")
    value = at_epoch(best.event.get("test_srcc") or 0.0, best.number)
    return pair("so far", f"test SRCC {value}, the epoch selected so far, after {at}")
