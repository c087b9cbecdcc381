"""Verdicts figure: the interval of each difference against zero and the margin, and what was concluded from it."""

from textwrap import wrap
from typing import TYPE_CHECKING

from iqa_train.report.columns import BORROWED, EXTERNAL, metric_name, verdict_cell
from iqa_train.report.figures import labels, style
from iqa_train.report.numbers import typeset
from iqa_train.report.verdict_text import look_words, of_runs
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INTERVAL, _LINE = 0.2, 0.13  # inches of height of a row: for its interval, and for each line of its words above
_PER_LINE = {True: 110, False: 46}  # characters; whether the figure is as wide as a page


def rows_with_verdicts(results: StudyResults) -> list[ResultRow]:
    """The rows to draw."""
    return [row for row in results.rows if row.distinguishable is not None and row.delta_interval is not None]


def caption(results: StudyResults) -> str:
    """What the figure shows; mentions only what it contains."""
    rows = rows_with_verdicts(results)
    side = "right" if METRICS[results.metric].higher_is_better else "left"
    level = "intervals at Holm's levels" if results.intervals == "holm" else "95 % intervals"
    components = any(row.scope == "component" for row in rows)
    direction = f"; {side} is better" if components else ""
    parts = [
        f"Differences from {results.baseline} with {level}, and what is concluded from p after Holm's "
        f"correction{direction}."
    ]
    if margins := _margins(rows):
        shaded = " and ".join(f"±{margin:g}" for margin in margins)
        parts.append(f"Shaded: within the margin of {shaded}, differences that do not matter.")
    else:
        parts.append("No margin was declared, so nothing can be shown to be the same.")
    if components:
        parts.append("Filled dots: the component differs. Squares: the same within the margin. Hollow: not decided.")
    if any(row.borrowed for row in rows):
        parts.append(f"{BORROWED}.")
    if any(row.external for row in rows):
        parts.append(f"{EXTERNAL}.")
    if of_runs(results):
        parts.append("Crosses: runs only, not components, since they have one seed.")
    return " ".join(parts)


def draw(results: StudyResults, width: float) -> "Figure":
    """A row for each difference that was tested."""
    rows = rows_with_verdicts(results)
    if not rows:
        return style.empty(width, "nothing has been tested yet")
    words = [_words(row, _PER_LINE[width > style.WIDE]) for row in rows]
    lines = max(len(one) for one in words)
    height = _INTERVAL + lines * _LINE
    figure, (axes,) = style.sheet(width, 0.45 + height * len(rows))
    for margin in _margins(rows):
        axes.axvspan(-margin, margin, facecolor=style.BAND, alpha=0.45, edgecolor="none", zorder=0)
        for edge in (-margin, margin):
            axes.axvline(edge, color="#777777", linewidth=0.7, linestyle=(0, (2, 1.5)), zorder=1)
    axes.axvline(0.0, color=style.INK, linewidth=0.8, zorder=1)
    for at in range(len(rows)):
        axes.text(
            0.005, at - 0.5 + 0.03 / height, "\n".join(words[at]).replace("$", r"\$"), zorder=4, va="top",
            fontsize=style.small(), transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        if at:
            axes.axhline(at - 0.5, color="#DDDDDD", linewidth=0.5, zorder=0)
    _intervals(axes, rows, height)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), labels.titled(rows, 30 if width > style.WIDE else 19))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.05)
    name = f"{metric_name(results.metric)}: difference from {results.baseline}"
    axes.set_xlabel(name.replace("$", r"\$"))
    style.thinned(axes, horizontal=8 if width > style.WIDE else 5)
    return figure


def _intervals(axes: "Axes", rows: list[ResultRow], height: float) -> None:
    """The interval of each row, below its words."""
    looks: dict[tuple[str, bool, bool], list[tuple[float, float, Interval | None]]] = {}
    for at, row in enumerate(rows):
        assert row.delta is not None
        look = (*_mark(row), row.scope == "component")
        looks.setdefault(look, []).append((row.delta, at + 0.5 - _INTERVAL / 2 / height, row.delta_interval))
    for (mark, filled, component), points in looks.items():
        style.whiskers(
            axes, points, marker=mark, color=style.BASE if component else "#777777", markersize=4.5, elinewidth=1.2,
            capsize=2.5, markerfacecolor=None if filled else style.GROUND, zorder=3,
        )  # fmt: skip


def _words(row: ResultRow, width: int) -> list[str]:
    return wrap(typeset("; ".join(filter(None, (verdict_cell(row), look_words(row))))), width)


def _mark(row: ResultRow) -> tuple[str, bool]:
    """Marker, and whether it is filled."""
    if row.scope != "component":
        return "x", True
    if row.same and not row.distinguishable:
        return "s", True
    return "o", bool(row.distinguishable)


def _margins(rows: list[ResultRow]) -> list[float]:
    return sorted({row.margin for row in rows if row.margin})
