"""Predicted against opinion scores for each image, with the logistic fit that PLCC and RMSE are computed after."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from iqa_train.report.figures import style
from iqa_train.results.paired_predictions import by_image
from iqa_train.runs.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 6
"""Panels that fit a page."""

CAPTION = "Predicted against opinion scores of the test images, first seed. Line: logistic fit (VQEG)."


def caption(predictions: Mapping[str, Predictions]) -> str:
    """What the figure shows, and how many experiments it omits."""
    left = len(predictions) - MOST
    return CAPTION + (f" The first {MOST} experiments; {left} more are in the tables." if left > 0 else "")


def draw(predictions: Mapping[str, Predictions], width: float) -> "Figure":
    """A panel for each of the first experiments, on one scale; points are rasterised, to keep files small."""
    chosen = [(name, by_image(table)) for name, table in predictions.items() if len(table.images)][:MOST]
    if not chosen:
        return style.empty(width, "no experiment has predictions yet")
    across = min(len(chosen), 3 if width > 5 else 2)
    down = math.ceil(len(chosen) / across)
    side = (width - 0.4) / max(across, 2)
    figure, axes = style.sheet(width, 0.35 + side * 0.92 * down, across, down, sharex=True, sharey=True)
    for panel, (name, table) in zip(axes, chosen, strict=False):
        _panel(panel, name, table)
    for panel in axes[len(chosen) :]:
        panel.set_visible(False)
    for k, panel in enumerate(axes[: len(chosen)]):
        if k + across >= len(chosen):
            panel.tick_params(labelbottom=True)
    figure.supxlabel("predicted score", fontsize=7.5)
    figure.supylabel("opinion score", fontsize=7.5)
    return figure


def _panel(axes: "Axes", name: str, table: Predictions) -> None:
    dense = len(table.images) > 600
    axes.plot(
        table.predictions, table.scores, "o", color=style.BASE, markersize=1.6 if dense else 2.2, markeredgewidth=0,
        alpha=0.35 if dense else 0.55, rasterized=True, zorder=2,
    )  # fmt: skip
    axes.set_title(style.shortened([name])[0])
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
    axes.text(0.03, 0.97, text, transform=axes.transAxes, ha="left", va="top", fontsize=6.5, zorder=4)
