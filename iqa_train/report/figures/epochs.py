"""Test SRCC by epoch for every experiment, the baseline in front, with rings at the selected epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iqa_train.report.figures import labels, style
from iqa_train.results.table import Curve
from iqa_train.stats.interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 7  # curves beside the baseline's that can still be distinguished
_LATE = 0.5  # of the epochs: the part that has to be readable
_WORTH_IT = 2.0  # how many times taller the whole range has to be than that of the late epochs
_LEGEND_LINE = 0.14  # inches
_NO_TITLES: Mapping[str, str] = {}


def caption(curves: Sequence[Curve], expected: Interval | None) -> str:
    """What the figure shows."""
    text = "Test SRCC by epoch, first seed. Rings: the epoch selected on validation, which gives the result."
    if expected is not None:
        text += " Grey: expected value of the baseline."
    if len(curves) > _NAMED + 1:
        text += " Thin grey lines: the other experiments."
    if _floor([curve for curve in curves if _test(curve)[1]]) is not None:
        text += " Early epochs below the axis are cut off."
    return text


def draw(
    curves: Sequence[Curve],
    baseline: str,
    expected: Interval | None,
    width: float,
    *,
    titles: Mapping[str, str] = _NO_TITLES,
) -> "Figure":
    """The curves of all experiments with at least one epoch; beyond eight, curves are thin and grey.

    The axis begins where the second half of the epochs does, so that the end can be read.
    """
    drawn = [curve for curve in curves if _test(curve)[1]]
    if not drawn:
        return style.empty(width, "no experiment has finished an epoch yet")
    first = sorted(drawn, key=lambda curve: curve.experiment != baseline)
    named, others = first[: _NAMED + 1], first[_NAMED + 1 :]
    across = 1 if width <= style.WIDE else 2
    height = (2.1 if width <= style.WIDE else 2.6) + _LEGEND_LINE * -(-(len(named) + bool(others)) // across)
    figure, (axes,) = style.sheet(width, height)
    if expected is not None:
        _band(axes, expected)
    for curve in others:
        axes.plot(*_test(curve), color="#AAAAAA", linewidth=0.6, zorder=1)
    for position, curve in reversed(list(enumerate(named))):
        name = f"{curve.experiment}: {title}" if (title := titles.get(curve.experiment)) else curve.experiment
        _curve(axes, curve, position, labels.label(name, 56, 1), front=curve.experiment == baseline)
    handles, texts = axes.get_legend_handles_labels()
    if others:
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color="#AAAAAA", linewidth=0.6), *handles]
        texts = [f"{len(others)} more", *texts]
    figure.legend(handles[::-1], texts[::-1], loc="outside lower center", ncols=across)
    axes.set_xlabel("epoch")
    axes.set_ylabel("test SRCC")
    axes.grid(visible=True, axis="y")
    _whole_epochs(axes, drawn)
    if (floor := _floor(drawn)) is not None:
        axes.set_ylim(bottom=floor)
    return figure


def _floor(curves: Sequence[Curve]) -> float | None:
    """Where the axis begins, if the first epochs are cut off."""
    last = max((epoch for curve in curves for epoch in _test(curve)[0]), default=0)
    everything = [value for curve in curves for value in _test(curve)[1]]
    late = [v for curve in curves for e, v in zip(*_test(curve), strict=True) if e > _LATE * last]
    if not late:
        return None
    high, low = max(everything), min(late)
    span = max(high - low, 0.01)
    return low - 0.15 * span if high - min(everything) > _WORTH_IT * span else None


def _curve(axes: "Axes", curve: Curve, position: int, name: str, *, front: bool) -> None:
    epochs, values = _test(curve)
    look = style.cycle(position)
    axes.plot(
        epochs, values, label=name, **look, markevery=max(1, len(epochs) // 12), markersize=3.0,
        markerfacecolor=style.GROUND, markeredgewidth=0.8, linewidth=1.8 if front else 1.0, zorder=4 if front else 3,
    )  # fmt: skip
    chosen = _chosen(curve)
    if chosen is not None:
        axes.plot(
            [chosen[0]], [chosen[1]], "o", markersize=6.5, markerfacecolor="none", markeredgecolor=look["color"],
            markeredgewidth=0.8, zorder=5,
        )  # fmt: skip


def _test(curve: Curve) -> tuple[list[int], list[float]]:
    points = [(epoch, test) for epoch, _, test in curve.points if test is not None]
    return [epoch for epoch, _ in points], [test for _, test in points]


def _chosen(curve: Curve) -> tuple[int, float] | None:
    """The epoch with the best validation SRCC (the earliest of equals), and its test SRCC."""
    known = [(val, epoch, test) for epoch, val, test in curve.points if val is not None and test is not None]
    if not known:
        return None
    _, epoch, test = max(known, key=lambda point: (point[0], -point[1]))
    return epoch, test


def _band(axes: "Axes", expected: Interval) -> None:
    low, high = expected
    if high > low:
        axes.axhspan(low, high, facecolor=style.BAND, alpha=0.55, edgecolor="none", zorder=0)
    else:
        axes.axhline(low, color="#777777", linewidth=2.5, alpha=0.5, zorder=0)


def _whole_epochs(axes: "Axes", curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import MaxNLocator

    last = max(epoch for curve in curves for epoch, _, _ in curve.points)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(0.5, last + 0.5)
