"""Verdicts: whether values are as expected, and what is known of differences.

The words of a conclusion are made here alone; tables, cells, sentences and figures use them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10, sqrt
from typing import Protocol

from iqa_train.results.comparison import Comparison
from iqa_train.results.needed_seeds import with_needed_seeds
from iqa_train.results.shown import so_far_words, standing_words
from iqa_train.results.table import Intervals, Position, ResultRow, Scope
from iqa_train.runs.state_names import NOT_STARTED, OPEN
from iqa_train.stats.error_law import ErrorLaw
from iqa_train.stats.holm import compatible_levels, holm, holm_levels
from iqa_train.stats.interval import Interval
from iqa_train.stats.planning import MOST_SEEDS
from iqa_train.stats.registry import METRICS

LEVEL = 0.05

TOLERANCE = 0.0005
"""Expectations have three decimals, so a value within rounding of the range counts as within it."""

USUAL_SPREAD = "two runs of a model usually differ by 0.0014 to 0.0057 (published SDs over seeds: .001 to .004)"


class Judged(Protocol):
    """What a conclusion is drawn from; see `ResultRow`."""

    @property
    def experiment(self) -> str: ...
    @property
    def distinguishable(self) -> bool | None: ...
    @property
    def scope(self) -> Scope | None: ...
    @property
    def higher(self) -> bool | None: ...
    @property
    def better(self) -> bool | None: ...
    @property
    def same(self) -> bool | None: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def at_most(self) -> float | None: ...


def conclusion(row: Judged, name: str = "", *, brief: bool = False) -> str:
    """The verdict in a few words, for a cell; "" where nothing was tested. `brief`: for a narrow table.

    `name` is that of the run, if it is not the row's experiment.
    """
    if row.distinguishable is None:
        return ""
    if row.scope == "runs":
        if not row.distinguishable:
            return "runs not distinguished"
        return f"runs differ: {name or row.experiment} {'higher' if row.higher else 'lower'}"
    if row.distinguishable:
        if row.same:
            return "different, < margin" if brief else "different, but less than the margin"
        return f"different: {'better' if row.better else 'worse'}"
    if row.same:
        return f"same within ±{row.margin:g}"
    if row.at_most is None:
        return "not decided"
    most = rounded_up(row.at_most)
    return f"not decided, \u2264 {most}" if brief else f"not decided: at most {most} either way"


def rounded_up(value: float) -> str:
    """To two significant digits, upwards, since it is a bound."""
    if not 0 < value < float("inf"):
        return f"{value:g}"
    digits = 1 - floor(log10(value))
    return f"{ceil(round(value * 10**digits, 6)) / 10**digits:.{max(0, digits)}f}"


def position(value: float | None, expected: Interval | None) -> Position | None:
    """Position of `value` relative to the expected range; None if either is missing."""
    if value is None or expected is None:
        return None
    low, high = expected
    slack = TOLERANCE + 1e-9
    return "below" if value < low - slack else "above" if value > high + slack else "within"


def is_better(delta: float, metric: str) -> bool:
    """Whether a nonzero difference is an improvement: for error metrics, lower is better."""
    return (delta > 0) is METRICS[metric].higher_is_better


def with_verdicts(
    rows: Sequence[ResultRow],
    comparisons: Sequence[Comparison | None],
    metric: str = "srcc",
    margin: float | None = None,
    most_seeds: int = MOST_SEEDS,
    intervals: Intervals = "single",
) -> list[ResultRow]:
    """The rows of one study with positions, adjusted p and verdicts; `comparisons` belong to the rows, in order.

    A difference is significant if its Holm-adjusted p is below 0.05 and its interval excludes zero. Within the
    `margin`: two one-sided tests, with a Holm correction apart from that of differences (Goeman, Solari and Stijnen,
    Statistics in Medicine 29, 2010: of one experiment, both null hypotheses cannot be true). Differences at an epoch
    (provisional rows) get no verdict. What is not decided gets a number of seeds, of at most `most_seeds`.
    `intervals` of differences are at 95 % each, or at the levels of `compatible_levels`.
    """
    laws = [_law(row, one) for row, one in zip(rows, comparisons, strict=True)]
    p_same = [None if one is None or margin is None else one.law.p_beyond(one.delta, margin) for one in laws]
    levels = holm_levels([row.p for row in rows], LEVEL)
    numbers = zip(holm([row.p for row in rows]), levels, p_same, holm(p_same), strict=True)
    judged = [
        _judged(replace(row, p_holm=p, p_same=equal, p_same_holm=equal_holm), one, level, metric, margin)
        for row, one, (p, level, equal, equal_holm) in zip(rows, comparisons, numbers, strict=True)
    ]
    judged = with_needed_seeds(judged, comparisons, LEVEL, metric, most_seeds)
    return judged if intervals == "single" else _with_holm_intervals(judged, comparisons)


def _with_holm_intervals(rows: Sequence[ResultRow], comparisons: Sequence[Comparison | None]) -> list[ResultRow]:
    found = []
    for row, one, level in zip(rows, comparisons, compatible_levels([row.p for row in rows], LEVEL), strict=True):
        if one is None or one.law is None or level is None or row.delta is None:
            found.append(row)
        else:
            found.append(replace(row, delta_interval=one.law.interval(row.delta, 1 - level)))
    return found


@dataclass(frozen=True)
class _Tested:
    """A difference whose component can be judged."""

    delta: float
    law: ErrorLaw


def _law(row: ResultRow, comparison: Comparison | None) -> _Tested | None:
    if comparison is None or comparison.law is None or row.delta is None or comparison.scope != "component":
        return None
    return _Tested(row.delta, comparison.law)


def _judged(
    row: ResultRow, comparison: Comparison | None, level: float | None, metric: str, margin: float | None
) -> ResultRow:
    row = replace(
        row,
        position=None if row.provisional else position(row.value, row.expected),
        delta_position=None if row.provisional else position(row.delta, row.expected_delta),
    )
    if row.p is None or row.p_holm is None or row.delta is None or row.delta_interval is None or comparison is None:
        return row
    low, high = row.delta_interval
    differs = row.p_holm < LEVEL and not low <= 0 <= high
    delta = row.delta
    row = replace(row, distinguishable=differs, higher=row.delta > 0 if differs else None, scope=comparison.scope)
    if comparison.scope == "runs":
        return _of_runs(row, comparison, level, metric) if differs else row
    tested = _law(row, comparison)
    assert tested is not None
    return replace(
        row,
        better=is_better(delta, metric) if differs else None,
        at_most=tested.law.bound(delta, LEVEL),
        margin=margin,
        same=None if row.p_same_holm is None else row.p_same_holm < LEVEL,
    )


def _of_runs(row: ResultRow, comparison: Comparison, level: float | None, metric: str) -> ResultRow:
    most, note = tipping_point(comparison, level or LEVEL, metric)
    return replace(row, holds_to=most, notes=(*row.notes, note))


def tipping_point(comparison: Comparison, level: float, metric: str) -> tuple[float, str]:
    """Up to which spread over seeds a difference of two runs would hold for the component at `level`, also in words."""
    from scipy.special import ndtri  # not for every start of the program

    assert comparison.delta is not None and comparison.contrast is not None
    z = float(ndtri(1 - level / 2))
    most = sqrt(max(0.0, (comparison.delta / z) ** 2 - comparison.contrast.parts.total))
    note = f"holds for the component only if the difference varies by less than {most:.4f} (SD) from seed to seed"
    return most, f"{note}; {USUAL_SPREAD}" if METRICS[metric].correlation else note  # else no spread was published


def verdict_text(row: ResultRow, baseline: str = "the baseline") -> str:
    """The verdict as a phrase, such as "within, differs significantly from the baseline: worse"."""
    if row.reported:
        return "reported"
    if row.standing is not None:
        return standing_words(row.standing)
    if row.value is None or row.epoch is not None:
        if row.state == NOT_STARTED:
            return NOT_STARTED
        return "failed" if row.state == "failed" else "no result" if _ended(row.state) else "pending"
    parts: list[str] = [row.position or row.delta_position or "", _phrase(row, baseline)]
    return so_far_words(row) + (", ".join(part for part in parts if part) or "measured")


def _phrase(row: ResultRow, baseline: str) -> str:
    if row.distinguishable is None:
        return ""
    if row.scope == "runs":
        return f"{conclusion(row)} (one seed: runs, not components)"
    if row.distinguishable and not row.same:
        return f"differs significantly from {baseline}: {'better' if row.better else 'worse'}"
    if row.distinguishable:
        return f"differs significantly from {baseline}, but by less than the margin of {row.margin:g}"
    if row.same:
        return f"same as {baseline} within ±{row.margin:g}"
    return conclusion(row)


def _ended(state: str) -> bool:
    return bool(state) and not OPEN & set(state.split("/"))
