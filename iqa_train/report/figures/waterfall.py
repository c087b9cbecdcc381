"""Waterfall figure: the contribution of each change, as a bar from the baseline's value."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from iqa_train.report.columns import metric_name, value_words
from iqa_train.report.figures import labels, style
from iqa_train.report.numbers import decimals, number, typeset
from iqa_train.report.verdict_text import of_runs
from iqa_train.results.contribution import Step, waterfall
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.stats.registry import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CAPTION = (
    "Contributions: every bar starts at the {name} of {base} (dotted line) and ends at that of the experiment, with "
    "the 95 % interval of the difference; {left}. The bars are not stacked, since effects of single changes do not add "
    "up. Cross-hatched: several factors changed together. Pale: {pale}."
)
_ROW = 0.26  # inches


def caption(results: StudyResults) -> str:
    """What the figure shows."""
    better = METRICS[results.metric].higher_is_better
    left = "left is a loss, right a gain" if better else "for an error, left is a gain"
    pale = "not shown to differ"
    if runs := of_runs(results):
        pale += f", or {runs}"
    return _CAPTION.format(name=value_words(results), base=results.baseline, left=left, pale=pale)


def draw(results: StudyResults, width: float) -> "Figure":
    """The baseline as a line, then a bar for each contribution, labelled with its size."""
    steps = waterfall(results)
    if len(steps) < 2:
        return style.empty(width, "no contributions yet")
    base, *steps = steps
    names = [labels.label(name, 34 if width > style.WIDE else 22, 3) for name in _names(results, steps)]
    figure, (axes,) = style.sheet(width, 0.6 + labels.height(names, _ROW) * len(names))
    axes.axvline(base.end, color=style.INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1)
    axes.plot([base.end], [0], "o", color=style.BASE, zorder=3)
    _figure(axes, base.end, 0, number(base.end, decimals(base.interval)), right=True)
    for at, step in enumerate(steps, 1):
        row = results.row(step.experiment)
        _bar(axes, at, step, sure=row.component_differs and not step.provisional)
    ends = [(step.end, float(at), step.interval) for at, step in enumerate(steps, 1) if step.interval is not None]
    style.whiskers(axes, ends, marker="none", ecolor=style.INK, elinewidth=1.0, capsize=2, zorder=3)
    if runs := of_runs(results):
        axes.set_title("\n".join(wrap(runs, 95 if width > style.WIDE else 45)), fontsize=style.small(), loc="left")
    axes.set_ylim(len(steps) + 0.6, -0.6)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(metric_name(results.metric))
    axes.use_sticky_edges = False
    axes.margins(x=0.16 if width > style.WIDE else 0.3)  # for the labels beside the bars
    style.thinned(axes, horizontal=7 if width > style.WIDE else 4)
    return figure


def _names(results: StudyResults, steps: Sequence[Step]) -> list[str]:
    """The baseline, and each experiment with the settings that it changes, or else with its title."""
    return [results.baseline, *(_name(results.row(step.experiment)) for step in steps)]


def _name(row: ResultRow) -> str:
    changes = " + ".join(row.factors) or row.title
    return f"{row.experiment}: {changes}" if changes else row.experiment


def _bar(axes: "Axes", at: int, step: Step, *, sure: bool) -> None:
    axes.barh(
        at, step.end - step.start, 0.55, left=step.start, facecolor=style.PLAIN if sure else style.PALE,
        edgecolor=style.BASE, hatch="" if step.single else "xxxx", linewidth=0.8, zorder=2,
        linestyle=(0, (2, 1)) if step.provisional else "-",
    )  # fmt: skip
    low, high = step.interval or (step.end, step.end)
    lost = step.end < step.start
    text = number(step.end - step.start, decimals(step.interval), signed=True)
    _figure(axes, min(low, step.end) if lost else max(high, step.end), at, text, right=not lost)


def _figure(axes: "Axes", x: float, at: int, text: str, *, right: bool) -> None:
    axes.annotate(
        typeset(text), (x, at), (4 if right else -4, 0), textcoords="offset points", ha="left" if right else "right",
        va="center", fontsize=style.small(), zorder=4,
    )  # fmt: skip
