"""Formats numbers: rounded according to their interval, p values in sentences.

Text has an ASCII minus, which can be searched for and pasted into a sheet; pages, papers and figures `typeset` it.

Decimals follow the Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008, 7.2.6): two significant
digits of the uncertainty, and the value to the same place.
"""

import math
import re
from collections.abc import Iterable, Sequence

from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS

MINUS = "-"
_BEFORE_A_NUMBER = re.compile(r"(?<![\w.-])-(?=\.?\d)")
NONE = "\u2013"
"""In place of a missing number."""

_USUAL = 4  # decimals of a value without an interval
_MOST = 8


def decimals(interval: Interval | None) -> int:
    """Decimals for values with this interval: up to the second significant digit of its half-width."""
    if interval is None:
        return _USUAL
    half = abs(interval[1] - interval[0]) / 2
    if not math.isfinite(half) or half == 0.0:
        return _USUAL
    exponent = int(f"{half:.1e}".partition("e")[2])  # after rounding: 0.00996 has the digits 1.0e-02
    return min(_MOST, max(0, 1 - exponent))


def number(value: float | None, places: int = _USUAL, *, signed: bool = False) -> str:
    """`value` to `places` decimals; `signed` puts a plus before positive numbers. Never minus zero."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{abs(value):.{places}f}"
    if float(text) == 0.0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def typeset(text: str) -> str:
    """`text` with real minus signs before numbers, for what is not a terminal or a file of data."""
    return _BEFORE_A_NUMBER.sub("\u2212", text)


def given(value: float | None, *, signed: bool = False, places: int = 0) -> str:
    """A number as it was written down: its own digits, padded with zeros to `places` decimals."""
    if value is None or not math.isfinite(value):
        return NONE
    return number(value, max(places, _own_places(value)), signed=signed)


def _own_places(value: float) -> int:
    text = f"{value:.{_MOST}f}".rstrip("0")
    return len(text.partition(".")[2])


def span(interval: Interval | None, places: int | None = None, *, signed: bool = False) -> str:
    """An interval in brackets, to `places` decimals, by default those that its width allows."""
    if interval is None:
        return ""
    digits = decimals(interval) if places is None else places
    return f"[{number(interval[0], digits, signed=signed)}, {number(interval[1], digits, signed=signed)}]"


def given_span(interval: Interval | None, *, signed: bool = False) -> str:
    """A range as it was written down; one number if both ends are equal."""
    if interval is None:
        return ""
    places = max(map(_own_places, interval))
    low, high = (given(end, signed=signed, places=places) for end in interval)
    return low if low == high else f"[{low}, {high}]"


def measured(value: float | None, interval: Interval | None, *, signed: bool = False) -> str:
    """A value and its interval, to the same decimals."""
    if value is None:
        return NONE
    return " ".join(filter(None, [number(value, decimals(interval), signed=signed), span(interval, signed=signed)]))


def common_decimals(intervals: Iterable[Interval | None]) -> int:
    """Decimals for a whole column of a paper's table: those that its narrowest interval allows."""
    known = [decimals(interval) for interval in intervals if interval is not None]
    return max(known, default=_USUAL)


def p_value(p: float | None) -> str:
    """`p` for a column: two decimals, three below 0.01 and near 0.05; never rounded to zero."""
    if p is None or not math.isfinite(p):
        return NONE
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    return f"{p:.3f}" if p < 0.0095 or 0.045 <= p < 0.055 else f"{p:.2f}"


def p_words(p: float | None, name: str = "p") -> str:
    """`p` within a sentence: "p < 0.001", "p = 0.03"."""
    text = p_value(p)
    if text == NONE:
        return ""
    return f"{name} {text[0]} {text[1:]}" if text[0] in "<>" else f"{name} = {text}"


def best(results: StudyResults) -> ResultRow | None:
    """The row to print in bold: the best one, if it is significantly so; else None.

    An experiment must differ significantly (Holm) from the baseline; the baseline, from all experiments. Reported
    values are not considered, and there is no best row while a run is unfinished.
    """
    rows = [row for row in results.rows if not row.reported and row.value is not None]
    if len(rows) < 2 or any(row.provisional for row in rows):
        return None
    winner = _best_of(rows, results.metric)
    others = [row for row in rows if row is not winner]
    if winner.experiment != results.baseline:
        return winner if winner.component_differs else None
    return winner if all(row.component_differs for row in others) else None


def _best_of(rows: Sequence[ResultRow], metric: str) -> ResultRow:
    sign = 1 if METRICS[metric].higher_is_better else -1
    return max(rows, key=lambda row: sign * (row.value if row.value is not None else -math.inf))
