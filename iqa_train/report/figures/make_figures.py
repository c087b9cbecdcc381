"""Plans the figures of a report: which ones the data can fill, and how each is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from iqa_train.report.figures import (
    ablation,
    agreement,
    epochs,
    labels,
    seeds,
    sensitivity,
    size,
    training,
    verdicts,
    waterfall,
)
from iqa_train.report.report_data import ReportData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DIFFERENT = 1.02  # minimum ratio of the largest to the smallest network for the size figure


@dataclass(frozen=True)
class PlannedFigure:
    """A named figure; `draw` takes its width in inches. It is drawn only when it is written, since it takes memory."""

    name: str
    caption: str
    draw: "Callable[[float], Figure]"


def planned_figures(data: ReportData) -> list[PlannedFigure]:
    """The figures that these data can fill, in order."""
    results, curves = data.main, data.curves
    titles = labels.drawable_titles(results.rows)
    found = [PlannedFigure("ablation", ablation.caption(results), partial(ablation.draw, results))]
    if any(row.delta is not None and not (row.reported or row.external) for row in results.rows):
        found.append(PlannedFigure("waterfall", waterfall.caption(results), partial(waterfall.draw, results)))
    if seeds.rows_with_seeds(results):
        found.append(PlannedFigure("seeds", seeds.caption(results), partial(seeds.draw, results)))
    if verdicts.rows_with_verdicts(results):
        found.append(PlannedFigure("verdicts", verdicts.caption(results), partial(verdicts.draw, results)))
    if any(curve.points for curve in curves):
        base = results.baseline_row
        expected = base.expected if base is not None and results.metric == "srcc" else None
        by_epoch = partial(epochs.draw, curves, results.baseline, expected, titles=titles)
        found.append(PlannedFigure("epochs", epochs.caption(curves, expected), by_epoch))
    if data.learning:
        drawn = partial(training.draw, data.learning, results.baseline, titles=titles)
        found.append(PlannedFigure("training", training.caption(data.learning), drawn))
    for sweep in data.sweeps:
        name = f"sensitivity-{sweep.setting}"
        found.append(PlannedFigure(name, sensitivity.caption(sweep), partial(sensitivity.draw, sweep)))
    sizes = data.parameters.values()
    if sizes and max(sizes) >= _DIFFERENT * min(sizes):
        found.append(PlannedFigure("size", size.caption(results), partial(size.draw, results, data.parameters)))
    if data.predictions:
        drawn = partial(agreement.draw, data.predictions, titles=titles)
        found.append(PlannedFigure("agreement", agreement.caption(data.predictions), drawn))
    return found
