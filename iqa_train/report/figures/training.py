"""Training figure: loss and learning rate by epoch, beside the figure of test SRCC by epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iqa_train.report.figures import labels, style
from iqa_train.report.learning import Learning, Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 8  # experiments that can still be distinguished
_DECADE = 10.0  # ratio of the highest to the lowest value from which on an axis is logarithmic
_LEGEND_LINE = 0.14  # inches
_NO_TITLES: Mapping[str, str] = {}


def caption(curves: Sequence[Learning]) -> str:
    """What the figure shows."""
    shown = [
        name
        for name, known in (
            ("mean training loss of each epoch", any(curve.losses for curve in curves)),
            ("learning rate at its end", any(curve.rates for curve in curves)),
        )
        if known
    ]
    text = f"Training, first seed: {' and '.join(shown)}. Losses of different functions cannot be compared."
    return text + (" Thin grey lines: the other experiments." if len(curves) > _NAMED else "")


def draw(
    curves: Sequence[Learning], baseline: str, width: float, *, titles: Mapping[str, str] = _NO_TITLES
) -> "Figure":
    """A panel for the loss and one for the learning rate, as far as they are known."""
    kinds = [
        (name, [(curve.experiment, points(curve)) for curve in curves])
        for name, points in (("training loss", _losses), ("learning rate", _rates))
        if any(points(curve) for curve in curves)
    ]
    if not kinds:
        return style.empty(width, "no epoch records a loss or a learning rate")
    order = sorted((curve.experiment for curve in curves), key=lambda name: name != baseline)
    named = order[:_NAMED]
    across = 1 if width <= style.WIDE else 2
    height = (1.7 if width <= style.WIDE else 2.1) + _LEGEND_LINE * -(-len(named) // across)
    figure, axes = style.sheet(width, height, len(kinds))
    for panel, (name, series) in zip(axes, kinds, strict=True):
        _panel(panel, series, order, baseline, titles)
        panel.set_ylabel(name)
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], texts[::-1], loc="outside lower center", ncols=across)
    return figure


def _losses(curve: Learning) -> Points:
    return curve.losses


def _rates(curve: Learning) -> Points:
    return curve.rates


def _panel(
    axes: "Axes",
    series: Sequence[tuple[str, Points]],
    order: Sequence[str],
    baseline: str,
    titles: Mapping[str, str],
) -> None:
    from matplotlib.ticker import MaxNLocator

    for experiment, points in sorted(series, key=lambda one: -order.index(one[0])):  # the baseline last, in front
        position = order.index(experiment)
        epochs, values = [epoch for epoch, _ in points], [value for _, value in points]
        if position >= _NAMED:
            axes.plot(epochs, values, color="#AAAAAA", linewidth=0.6, zorder=1)
            continue
        name = f"{experiment}: {titles[experiment]}" if titles.get(experiment) else experiment
        front = experiment == baseline
        axes.plot(
            epochs, values, label=labels.label(name, 56, 1), **style.cycle(position),
            markevery=max(1, len(epochs) // 8), markersize=2.6, markerfacecolor=style.GROUND, markeredgewidth=0.7,
            linewidth=1.6 if front else 0.9, zorder=4 if front else 3,
        )  # fmt: skip
    known = [value for _, points in series for _, value in points]
    if min(known) > 0 and max(known) / min(known) >= _DECADE:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(visible=True, axis="y")
