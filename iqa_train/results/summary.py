"""The table at the end of a study: each experiment's test SRCC and PLCC, and its difference from the baseline.

Of repeats: the difference from their first runs, which only the rounding makes.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from iqa_train.runs.counted_result import counted_result, measured_mean
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.snapshot import RunSnapshot, read_snapshot
from iqa_train.runs.state import outside_the_queue, state_of
from iqa_train.study.spec import RunSpec

FIRST_RUN = "first run"
"""What repeats are compared with, for the head of the table."""


@dataclass(frozen=True)
class SummaryRow:
    """One experiment; SRCC and PLCC are means over its finished seeds, None without one (or undefined)."""

    experiment: str
    title: str
    state: str
    seeds: int
    srcc: float | None
    plcc: float | None
    delta: float | None


def summarise(runs: Iterable[tuple[RunSpec, RunFolder]], baseline: str | None) -> list[SummaryRow]:
    """A row per experiment, in the order of their first run. Differences are between means over the seeds both have.

    Repeats are compared with their first runs, and never with the baseline.
    """
    by_experiment: dict[str, list[tuple[RunSpec, RunSnapshot]]] = {}
    for spec, run in runs:
        by_experiment.setdefault(spec.experiment, []).append((spec, read_snapshot(run)))
    values = {name: _by_seed(found, "srcc") for name, found in by_experiment.items()}
    base = values.get(baseline or "", {})
    rows = []
    for name, found in by_experiment.items():
        firsts = [(spec, read_snapshot(one.run.first)) for spec, one in found if one.run.repeat > 1]
        other = _by_seed(firsts, "srcc") if firsts else {} if name == baseline else base
        shared = [seed for seed in values[name] if seed in other]
        delta = statistics.fmean(values[name][s] - other[s] for s in shared) if shared else None
        states = {outside_the_queue(state_of(run)).name for _, run in found}
        rows.append(
            SummaryRow(
                name, found[0][0].title, "/".join(sorted(states)), len(values[name]), _mean(values[name].values()),
                _mean(_by_seed(found, "plcc").values()), delta,
            )
        )  # fmt: skip
    return rows


def summary_text(rows: list[SummaryRow], baseline: str | None) -> str:
    """The rows as a table of text."""
    head = ("Experiment", "Test SRCC", "Test PLCC", f"vs {baseline}", "State", "Title")
    body = [
        (
            r.experiment,
            _figure(r.srcc),
            _figure(r.plcc),
            "-" if r.delta is None else f"{r.delta:+.4f}",
            r.state,
            r.title,
        )
        for r in rows
    ]
    widths = [max(len(line[k]) for line in [head, *body]) for k in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in [head, *body]]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _by_seed(runs: list[tuple[RunSpec, RunSnapshot]], key: Literal["srcc", "plcc"]) -> dict[int, float]:
    """By seed, of results that count; nothing of a damaged one, of which the state of the run says so."""
    counted = {spec.seed: counted_result(run) for spec, run in runs}
    values = {seed: measured_mean(one.result, key) for seed, one in counted.items() if one is not None}
    return {seed: value for seed, value in values.items() if value is not None}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
