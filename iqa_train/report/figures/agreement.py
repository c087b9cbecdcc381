"""Predicted against opinion scores for each image, with the logistic fit that PLCC and RMSE are computed after."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from iqa_train.report.figures import labels, style
from iqa_train.results.paired_predictions import by_image
from iqa_train.runs.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 6
"""Panels that fit a page."""

_NO_TITLES: Mapping[str, str] = {}

CAPTION = "Predicted against opinion scores of the test images, first seed. Line: logistic fit (VQEG)."


def caption(predictions: Mapping[str, Predictions]) -> str:
    """What the figure shows, and how many experiments it omits."""
    left = len(predictions) - MOST
    return CAPTION + (f" The first {MOST} experiments; {left} more are in the tables." if left > 0 else "")


def draw(predictions: Mapping[str, Predictions], width: float, *, titles: Mapping[str, str] = _NO_TITLES) -> "Figure":
    """A panel for each of the first experiments, on one scale; points are rasterised, to keep files small."""
    chosen = [(name, by_image(table)) for name, table in predictions.items() if len(table.images)][:MOST]
    if not chosen:
        return style.empty(width, "no experiment has predictions yet")
    across = min(len(chosen), 3 if width > style.WIDE else 2)
    down = math.ceil(len(chosen) / across)
    side = (width - 0.4) / max(across, 2)
    figure = style.blank(width, 0.35 + (side * 0.9 + 0.16) * down)
    grid = figure.add_gridspec(down, 2 * across)
    first = None
    for k, (name, table) in enumerate(chosen):
        row, column = divmod(k, across)
        indent = across - min(across, len(chosen) - row * across)  # half cells: a row that is not full is centred
        at = grid[row, indent + 2 * column : indent + 2 * column + 2]
        panel = figure.add_subplot(at, sharex=first, sharey=first)
        panel.tick_params(labelleft=column == 0)
        first = first or panel
        title = f"{name}: {titles[name]}" if titles.get(name) else name
        _panel(panel, labels.label(title, 34 if width > style.WIDE else 28, 1), table)
    figure.supxlabel("predicted score", fontsize=style.medium())
    figure.supylabel("opinion score", fontsize=style.medium())
    return figure


def _panel(axes: "Axes", name: str, table: Predictions) -> None:
    dense = len(table.images) > 600
    axes.plot(
        table.predictions, table.scores, "o", color=style.BASE, markersize=1.6 if dense else 2.2, markeredgewidth=0,
        alpha=0.35 if dense else 0.55, rasterized=True, zorder=2,
    )  # fmt: skip
    axes.set_title(name, fontsize=style.small())
    axes.grid(visible=True)
    style.thinned(axes, horizontal=4, vertical=4)
    _curve(axes, table)
    _words(axes, table)


def _curve(axes: "Axes", table: Predictions) -> None:
    import numpy as np

    from iqa_train.stats.logistic import fit_logistic

    fitted = fit_logistic(table.predictions, table.scores)
    if fitted.mapped is not None:
        order = np.argsort(table.predictions)
        axes.plot(table.predictions[order], fitted.mapped[order], color=style.INK, linewidth=1.3, zorder=3)


def _words(axes: "Axes", table: Predictions) -> None:
    from iqa_train.stats.metrics import plcc, srcc

    values = {"SRCC": srcc(table.predictions, table.scores), "PLCC": plcc(table.predictions, table.scores)}
    text = "\n".join(f"{key} {value:.3f}" for key, value in values.items() if math.isfinite(value))
    axes.text(0.03, 0.97, text, transform=axes.transAxes, ha="left", va="top", fontsize=style.small(), zorder=4)
