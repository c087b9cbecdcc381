"""Size figure: the metric against the number of parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iqa_train.report.columns import metric_name, value_words
from iqa_train.report.figures import style
from iqa_train.report.verdict_text import capitalised
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = "{name} against the network's parameters, with 95 % intervals. The square is {base}."
_MILLION = 1e6
_NAME_WIDTH = 0.5  # inches
_NAMED = 12  # points up to which all are labelled; beyond, only the best and the baseline


def caption(results: StudyResults) -> str:
    """What the figure shows."""
    text = CAPTION.format(name=capitalised(value_words(results)), base=results.baseline)
    named = [f"{row.experiment}: {row.title}" for row in results.rows if row.title and not row.reported]
    return f"{text} {'; '.join(named)}." if 0 < len(named) <= _NAMED else text


def draw(results: StudyResults, parameters: Mapping[str, int], width: float) -> "Figure":
    """A point per experiment whose size is known."""
    rows = [
        row for row in results.rows if row.value is not None and not row.reported and parameters.get(row.experiment)
    ]
    if not rows:
        return style.empty(width, "no finished experiment records its size")
    figure, (axes,) = style.sheet(width, 2.3 if width <= style.WIDE else 2.8)
    sizes = [parameters[row.experiment] / _MILLION for row in rows]
    if max(sizes) / min(sizes) >= 10:
        axes.set_xscale("log")
    sign = 1 if METRICS[results.metric].higher_is_better else -1
    best = max(rows, key=lambda row: sign * (row.value or 0.0))
    for row, size, side in zip(rows, sizes, _sides(rows, sizes, width), strict=True):
        base = row.experiment == results.baseline
        _point(axes, row, size, base=base)
        if base or row is best or len(rows) <= _NAMED:
            _name(axes, row, size, side)
    axes.set_xlabel("parameters, million")
    axes.set_ylabel(metric_name(results.metric))
    axes.grid(visible=True, axis="y")
    axes.margins(x=0.16, y=0.12)
    return figure


def _sides(rows: Sequence[ResultRow], sizes: Sequence[float], width: float) -> list[int]:
    """Side of each label: 1 is right of its point, -1 left; away from a neighbour on one side.

    Labels of points of nearly the same size alternate, from the top.
    """
    sides = [1] * len(rows)
    span = max(sizes) - min(sizes)
    crowded, reach = span / 25, span * _NAME_WIDTH / width
    by_value = sorted(range(len(rows)), key=lambda k: -(rows[k].value or 0.0))
    for at, k in enumerate(by_value):
        gaps = [sizes[j] - sizes[k] for j in by_value]
        to_right, to_left = (any(crowded < sign * gap <= reach for gap in gaps) for sign in (1, -1))
        crowd = [j for j in by_value[:at] if abs(sizes[j] - sizes[k]) <= crowded]
        if crowd:
            sides[k] = -sides[crowd[-1]]
        elif to_right and not to_left:
            sides[k] = -1
    return sides


def _point(axes: "Axes", row: ResultRow, size: float, *, base: bool) -> None:
    value = row.value or 0.0
    arms = None
    if row.interval is not None:
        arms = [[max(0.0, value - row.interval[0])], [max(0.0, row.interval[1] - value)]]
    colour = style.WORSE if base else style.BASE
    axes.errorbar(
        size, value, yerr=arms, fmt="s" if base else "o", color=colour, capsize=2, elinewidth=0.9, zorder=3,
        markerfacecolor=style.GROUND if row.provisional else colour,
    )  # fmt: skip


def _name(axes: "Axes", row: ResultRow, size: float, side: int) -> None:
    name = style.shortened([row.experiment])[0]
    axes.annotate(
        name, (size, row.value or 0.0), (5 * side, 2), textcoords="offset points", fontsize=style.small(), zorder=4,
        ha="left" if side > 0 else "right",
    )  # fmt: skip
