"""Draws the figures of a report in a given width."""

from collections.abc import Iterator

from iqa_train.report.figures import ablation, agreement, epochs, seeds, sensitivity, size, verdicts, waterfall
from iqa_train.report.figures.style import Drawing
from iqa_train.report.report_data import ReportData

_DIFFERENT = 1.02  # minimum ratio of the largest to the smallest network for the size figure


def figures_of(data: ReportData, width: float) -> Iterator[Drawing]:
    """The figures that these data can fill, one at a time, since each takes memory."""
    results = data.main
    titles = {row.experiment: row.title for row in results.rows if not row.reported}
    yield Drawing("ablation", ablation.caption(results), ablation.draw(results, width))
    if any(row.delta is not None and not (row.reported or row.external) for row in results.rows):
        yield Drawing("waterfall", waterfall.caption(results), waterfall.draw(results, width))
    if seeds.rows_with_seeds(results):
        yield Drawing("seeds", seeds.caption(results), seeds.draw(results, width))
    if verdicts.rows_with_verdicts(results):
        yield Drawing("verdicts", verdicts.caption(results), verdicts.draw(results, width))
    if any(curve.points for curve in data.curves):
        base = results.baseline_row
        expected = base.expected if base is not None and results.metric == "srcc" else None
        yield Drawing(
            "epochs",
            epochs.caption(data.curves, expected),
            epochs.draw(data.curves, results.baseline, expected, width, titles),
        )
    for sweep in data.sweeps:
        yield Drawing(f"sensitivity-{sweep.setting}", sensitivity.caption(sweep), sensitivity.draw(sweep, width))
    sizes = data.parameters.values()
    if sizes and max(sizes) >= _DIFFERENT * min(sizes):
        yield Drawing("size", size.caption(results), size.draw(results, data.parameters, width))
    if data.predictions:
        yield Drawing("agreement", agreement.caption(data.predictions), agreement.draw(data.predictions, width, titles))
