"""Axes that can be read: round numbers, at equal steps, in rows and columns of text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from iqa_train.stats.interval import Interval

_STEPS = (1, 2, 2.5, 5, 10)
_ROWS_PER_TICK = 3
_COLUMNS_PER_TICK = 7
_SMALL, _LARGE = 1e-3, 1e5  # outside, numbers are written with an exponent


@dataclass(frozen=True)
class ValueAxis:
    """Values from `low` at the bottom to `high` at the top of some rows; `ticks` are labels by row, from the top."""

    low: float
    high: float
    ticks: dict[int, str]

    def position(self, value: float) -> float:
        """0 at the top, 1 at the bottom; outside of these for values outside."""
        return (self.high - value) / (self.high - self.low)


def value_axis(low: float, high: float, rows: int) -> ValueAxis:
    """An axis that holds `low` to `high` in so many rows; its ends are round, so that it seldom changes."""
    middle = (low + high) / 2
    if low == high:  # the first point: a tenth on either side, not millionths of it
        low, high = (low - abs(low) / 10, high + abs(high) / 10) if middle else (-1.0, 1.0)
    span = max(high - low, abs(middle) * 1e-6, 1e-12)
    step = _round_step(span / max(1, rows / _ROWS_PER_TICK))
    fine = step / 4
    bottom = math.floor((low - 0.02 * span) / fine) * fine
    top = math.ceil((high + 0.02 * span) / fine) * fine
    ticks = {}
    for k in range(math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9) + 1):
        row = min(rows - 1, int((top - k * step) / (top - bottom) * rows))
        ticks[row] = _written(k * step, step)
    return ValueAxis(bottom, top, ticks)


def later_range(curves: Sequence[Sequence[tuple[int, float]]], band: Interval | None, skipped: float = 0.5) -> Interval:
    """Lowest and highest value of the later epochs, since the first few would flatten the differences.

    `skipped` is the share of each curve, from its start, that does not count.
    """
    shown = [value for curve in curves for _, value in curve[min(len(curve) - 1, int(len(curve) * skipped)) :]]
    shown += list(band or ())
    return min(shown), max(shown)


def epoch_ticks(last: int, columns: int) -> dict[int, str]:
    """Labels of epochs by the column in which each begins; the first and the last epoch have one."""
    step = max(1, math.ceil(_round_step((last - 1) / max(1, columns / _COLUMNS_PER_TICK))))
    found: dict[int, str] = {}
    for epoch in (1, *range(step, last, step), last):
        column = round((epoch - 1) / max(1, last - 1) * (columns - 1))
        text = str(epoch)
        begin = max(0, min(columns - len(text), column - len(text) // 2))
        if epoch == last:
            found = {at: words for at, words in found.items() if at + len(words) + 1 < begin or words == "1"}
        elif any(begin <= at + len(words) + 1 for at, words in found.items()):
            continue
        found[begin] = text
    return found


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is no less than `least`."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def _written(value: float, step: float) -> str:
    if abs(value) < step / 2:
        return "0"
    places = -math.floor(math.log10(step) + 1e-9)
    places += round(step * 10.0**places, 6) % 1 != 0  # 2.5 has a digit more
    if abs(value) >= _LARGE or abs(value) < _SMALL:
        return exponential(value, max(0, places + math.floor(math.log10(abs(value)) + 1e-9)))
    return f"{value:.{max(0, places)}f}"


def exponential(value: float, digits: int) -> str:
    """`value` as 1.5e-4, with so many digits after the point."""
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
