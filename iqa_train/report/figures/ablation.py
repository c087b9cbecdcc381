"""Ablation figure: values and differences from the baseline with intervals, and the expected ranges."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iqa_train.report.columns import metric_name, value_words
from iqa_train.report.figures import labels, style
from iqa_train.report.verdict_text import capitalised, of_runs
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.235  # inches of height for a row
_HALF = 0.36  # of a bar's thickness, in rows


def caption(results: StudyResults) -> str:
    """What the figure shows; mentions only what it contains."""
    rows = [row for row in results.rows if row.value is not None]
    name = capitalised(value_words(results))
    differ = any(row.delta is not None for row in rows)
    parts = [
        f"Left: {name} with 95 % intervals. Right: difference from {results.baseline}."
        if differ
        else f"{name} with 95 % intervals."
    ]
    if any(row.expected or row.expected_delta for row in rows):
        parts.append("Grey bands: expected ranges.")
    if any(row.scope == "component" for row in rows):
        parts.append("Filled bars: the component differs significantly, after Holm's correction; hatched bars: not so.")
    if runs := of_runs(results):
        parts.append(f"{capitalised(runs)}, so never filled.")
    if any(row.provisional for row in rows):
        parts.append("Hollow dots and dashed bars are provisional.")
    if any(row.reported for row in rows):
        parts.append("Hollow diamonds are reported values.")
    if any(row.external for row in rows):
        parts.append("Squares are external predictions, of models that were not trained here.")
    return " ".join(parts)


def draw(results: StudyResults, width: float) -> "Figure":
    """Two panels that share the experiments; the right one only if there are differences."""
    rows = [row for row in results.rows if row.value is not None]
    if not rows:
        return style.empty(width, "no experiment has a value yet")
    differ = any(row.delta is not None for row in rows)
    names = labels.titled(rows, 30 if width > style.WIDE else 19)
    row_height = labels.height(names, _ROW)
    figure, axes = style.sheet(width, 0.62 + row_height * max(2, len(rows)), 2 if differ else 1, sharey=True)
    _values(axes[0], rows, results)
    if differ:
        _differences(axes[1], rows, results)
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    axes[0].set_yticks(range(len(rows)), names)
    axes[0].tick_params(axis="y", length=0)
    for panel in axes:
        panel.spines["left"].set_visible(False)
        panel.grid(visible=True, axis="x")
        style.thinned(panel, horizontal=6 if width > style.WIDE else 3)
    if differ:
        axes[1].tick_params(axis="y", length=0)
    return figure


def _values(axes: "Axes", rows: Sequence[ResultRow], results: StudyResults) -> None:
    """Dots, since bars would suggest that the axis starts at zero."""
    base = results.baseline_row
    if base is not None and base.value is not None:
        axes.axvline(base.value, color=style.BASE, linewidth=0.8, linestyle=(0, (1, 1.5)))
    looks: dict[tuple[str, str], list[tuple[float, float, Interval | None]]] = {}
    for at, row in enumerate(rows):
        _band(axes, at, row.expected)
        mark = "D" if row.reported else "s" if row.external else "o"
        face = style.GROUND if row.reported or row.provisional else style.BASE
        looks.setdefault((mark, face), []).append((row.value or 0.0, at, row.interval))
    for (mark, face), points in looks.items():
        style.whiskers(
            axes, points, marker=mark, color=style.BASE, markerfacecolor=face, markersize=4.5, elinewidth=1.1,
            capsize=2, zorder=3,
        )  # fmt: skip
    axes.set_xlabel(metric_name(results.metric))
    axes.margins(x=0.08)


def _differences(axes: "Axes", rows: Sequence[ResultRow], results: StudyResults) -> None:
    for at, row in enumerate(rows):
        if row.delta is None:
            continue
        _band(axes, at, row.expected_delta)
        sure = row.component_differs and not row.provisional
        axes.barh(
            at, row.delta, 2 * _HALF * 0.7, facecolor=style.PLAIN if sure else style.GROUND, edgecolor=style.BASE,
            hatch="" if sure else "/////", linewidth=0.8, linestyle=(0, (2, 1)) if row.provisional else "-", zorder=2,
        )  # fmt: skip
    points = [(row.delta, at, row.delta_interval) for at, row in enumerate(rows) if row.delta is not None]
    style.whiskers(axes, points, marker="none", ecolor=style.INK, elinewidth=1.0, capsize=2, zorder=3)
    axes.axvline(0.0, color=style.INK, linewidth=0.7)
    axes.set_xlabel(labels.label(f"difference from {results.baseline}", 18, 3))
    axes.use_sticky_edges = False  # so that no interval ends at the frame
    axes.margins(x=0.08)


def _band(axes: "Axes", at: int, expected: Interval | None) -> None:
    """The expected range behind its row; a line if it is a single number."""
    if expected is None:
        return
    low, high = expected
    if high > low:
        axes.fill_betweenx(
            [at - _HALF, at + _HALF], low, high, facecolor=style.BAND, alpha=0.55, edgecolor="none", zorder=1
        )
    for edge in {low, high}:
        axes.plot([edge, edge], [at - _HALF, at + _HALF], color="#777777", linewidth=0.7, zorder=1)
