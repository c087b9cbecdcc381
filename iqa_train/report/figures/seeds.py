"""Seeds figure: every seed as a dot, joined to the baseline's with the same seed, and the interval over them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iqa_train.report.columns import metric_name
from iqa_train.report.figures import labels, style
from iqa_train.report.verdict_text import capitalised, of_runs
from iqa_train.results.table import ResultRow, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SEED = 0.075  # inches of height for a seed
_GAP = 0.13  # between rows
_LISTED = 12  # seeds that a caption names
_HIGHEST = 0.9  # of a row; more seeds move together


def rows_with_seeds(results: StudyResults) -> list[ResultRow]:
    """The rows to draw: experiments with a difference, of which at least one has several seeds; [] without such."""
    rows = [row for row in results.rows if row.differences_by_seed and row.delta is not None and not row.reported]
    return rows if any(len(row.differences_by_seed) > 1 for row in rows) else []


def caption(results: StudyResults) -> str:
    """What the figure shows."""
    rows, name, base = rows_with_seeds(results), metric_name(results.metric), results.baseline
    seeds = {tuple(sorted(row.values_by_seed)) for row in rows}
    shared = next(iter(seeds)) if len(seeds) == 1 else ()
    which = (
        f" ({', '.join(map(str, shared))}, from the top)" if 0 < len(shared) <= _LISTED else ", in order from the top"
    )
    parts = [
        f"Left: {name} of every seed{which}, joined to that of {base} with the same seed (hollow).",
        f"Right: its difference from {base}; the bar is the estimate with its {_level(results)}.",
    ]
    if any(row.borrowed for row in rows):
        parts.append(f"Of a single seed, the estimate is its difference from the mean of {base}.")
    if runs := of_runs(results):
        parts.append(f"{capitalised(runs)}.")
    return " ".join(parts)


def draw(results: StudyResults, width: float) -> "Figure":
    """Two panels that share the experiments."""
    rows = rows_with_seeds(results)
    if not rows:
        return style.empty(width, "no experiment has several seeds yet")
    names = labels.titled(rows, 30 if width > style.WIDE else 19)
    least = labels.height(names, 0)
    heights = [max(least, min(_HIGHEST, _GAP + _SEED * max(2, len(row.values_by_seed)))) for row in rows]
    figure, (left, right) = style.sheet(width, 0.5 + sum(heights), 2, sharey=True)
    base = results.baseline_row
    at, middles = 0.0, []
    for row, height in zip(rows, heights, strict=True):
        middle, reach = at + height / 2, (height - _GAP) / 2
        _values(left, row, base, middle, reach)
        _differences(right, row, middle, reach)
        middles.append(middle)
        at += height
        for panel in (left, right) if row is not rows[-1] else ():
            panel.axhline(at, color="#DDDDDD", linewidth=0.5)
    left.set_ylim(at, 0.0)
    left.set_yticks(middles, names)
    left.set_xlabel(metric_name(results.metric))
    right.axvline(0.0, color=style.INK, linewidth=0.7, zorder=1)
    right.set_xlabel(labels.label(f"difference from {results.baseline}", 18, 3))
    for panel in (left, right):
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        panel.grid(visible=True, axis="x")
        panel.margins(x=0.08)
        style.thinned(panel, horizontal=6 if width > style.WIDE else 3)
    return figure


def _values(axes: "Axes", row: ResultRow, base: ResultRow | None, middle: float, reach: float) -> None:
    """A line a seed, from the baseline's value to the experiment's."""
    others = {} if base is None else base.values_by_seed
    seeds = sorted(row.values_by_seed)
    for seed, y in zip(seeds, _spread(len(seeds), middle, reach), strict=True):
        value = row.values_by_seed[seed]
        if seed in others:
            axes.plot([others[seed], value], [y, y], color=style.PLAIN, linewidth=0.9, zorder=2)
            axes.plot([others[seed]], [y], "o", color=style.BASE, markerfacecolor=style.GROUND, markersize=3, zorder=3)
        axes.plot([value], [y], "o", color=style.BASE, markersize=3, zorder=3)


def _differences(axes: "Axes", row: ResultRow, middle: float, reach: float) -> None:
    """A dot a seed, and the mean with its interval across all of them."""
    shown, seeds = row.differences_by_seed, sorted(row.values_by_seed)
    for seed, y in zip(seeds, _spread(len(seeds), middle, reach), strict=True):
        if seed in shown:
            axes.plot([shown[seed]], [y], "o", color=style.PLAIN, markersize=3, zorder=2)
    assert row.delta is not None
    low, high = row.delta_interval or (row.delta, row.delta)
    axes.errorbar(
        row.delta, middle, xerr=[[max(0.0, row.delta - low)], [max(0.0, high - row.delta)]], fmt="|", color=style.INK,
        markersize=7, elinewidth=1.0, capsize=2, zorder=3,
    )  # fmt: skip


def _spread(count: int, middle: float, reach: float) -> Sequence[float]:
    """Heights of the seeds of a row, from the top."""
    if count == 1:
        return [middle]
    return [middle + reach * (2 * k / (count - 1) - 1) for k in range(count)]


def _level(results: StudyResults) -> str:
    return "interval at Holm's level" if results.intervals == "holm" else "95 % interval"
