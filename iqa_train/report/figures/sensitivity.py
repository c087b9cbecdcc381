"""Sensitivity figure: results over the values of one setting, such as the learning rate."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from iqa_train.report.columns import metric_name
from iqa_train.report.figures import style
from iqa_train.results.sweep import Sweep
from iqa_train.stats.interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES = {"lr": "learning rate", "loss_type": "loss"}
_ROOM = 0.1  # of the axis, for a tick label

Point = tuple[float, float, Interval | None]
"""Position on the axis, value, interval."""


def caption(sweep: Sweep) -> str:
    """What the figure shows, with the notes of the sweep."""
    name = _NAMES.get(sweep.setting, sweep.setting)
    text = f"Test {metric_name(sweep.metric)} over {name}, other settings equal, with 95 % intervals."
    if any(point.reported for point in sweep.points):
        text += " Hollow diamonds are reported values; their intervals come from the number of images alone."
    return " ".join([text, *(f"{note[:1].upper()}{note[1:]}." for note in sweep.notes)])


def draw(sweep: Sweep, width: float) -> "Figure":
    """Points joined by a line; the axis is logarithmic if the values span a decade."""
    if not sweep.points:
        return style.empty(width, f"{sweep.setting} has no value with a result")
    figure, (axes,) = style.sheet(width, 2.1 if width <= style.WIDE else 2.6)
    places = _places(axes, [point.setting for point in sweep.points])
    kinds = {point.reported for point in sweep.points}
    for reported in sorted(kinds):
        points = [
            (x, point.value, point.interval)
            for x, point in zip(places, sweep.points, strict=True)
            if point.reported == reported
        ]
        _series(axes, sorted(points, key=lambda point: point[:2]), reported=reported)
    axes.set_xlabel(_NAMES.get(sweep.setting, sweep.setting))
    axes.set_ylabel(f"test {metric_name(sweep.metric)}")
    axes.grid(visible=True, axis="y")
    axes.margins(y=0.15)
    if len(kinds) > 1:
        axes.legend(loc="best")
    return figure


def _series(axes: "Axes", points: Sequence[Point], *, reported: bool) -> None:
    x, y = [x for x, _, _ in points], [y for _, y, _ in points]
    spans = [span or (y, y) for _, y, span in points]
    arms = [
        [max(0.0, at - low) for at, (low, _) in zip(y, spans, strict=True)],
        [max(0.0, high - at) for at, (_, high) in zip(y, spans, strict=True)],
    ]
    axes.errorbar(
        x, y, yerr=arms if any(span for _, _, span in points) else None, fmt="D" if reported else "o",
        linestyle=(0, (1, 1.5)) if reported else "-", linewidth=0.9, color="#777777" if reported else style.BASE,
        markerfacecolor=style.GROUND if reported else style.BASE, markeredgecolor=style.INK if reported else style.BASE,
        capsize=1.5 if reported else 2, elinewidth=0.6 if reported else 1.0,
        label="reported" if reported else "measured",
        zorder=2 if reported else 3,
    )  # fmt: skip


def _places(axes: "Axes", values: Sequence[Any]) -> list[float]:
    """The position of each value on the axis; sets up the axis."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        names = list(dict.fromkeys(map(str, values)))
        axes.set_xticks(range(len(names)), style.shortened(names))
        axes.margins(x=0.15)
        return [float(names.index(str(v))) for v in values]
    if min(numbers) > 0 and max(numbers) / min(numbers) >= 10:
        axes.set_xscale("log")
        _name_values(axes, numbers)
    return numbers


def _name_values(axes: "Axes", numbers: Sequence[float]) -> None:
    """Ticks at the values if their labels fit, else at the decades."""
    from matplotlib.ticker import NullLocator

    values = sorted(set(numbers))
    whole = math.log(values[-1] / values[0])
    gaps = [math.log(b / a) / whole for a, b in pairwise(values)]
    if gaps and min(gaps) >= _ROOM:
        axes.set_xticks(values, [f"{v:g}".replace("e-0", "e-").replace("e+0", "e+") for v in values])
        axes.xaxis.set_minor_locator(NullLocator())
