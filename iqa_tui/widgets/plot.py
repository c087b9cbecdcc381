"""Plots SRCC by epoch as lines of text, with the expected range of the selected experiment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from iqa_train.report.numbers import number
from iqa_train.results.shown import at_epoch
from iqa_train.results.table import Curve
from iqa_train.stats.interval import Interval
from iqa_tui.safe import plain
from iqa_tui.themes import curve_variable
from iqa_tui.widgets.braille import Canvas

_AXIS = 8  # columns for the numbers at the left
_SKIPPED = 0.5  # share of each curve, from its start, that does not count for the range of values
_BAND = "░"


@dataclass(frozen=True)
class Plot:
    """What to draw. `band` is the expected range of the `selected` experiment."""

    curves: tuple[Curve, ...]
    baseline: str = ""
    selected: str = ""
    band: Interval | None = None
    epochs: int = 0  # planned


Points = list[tuple[int, float]]


def draw(plot: Plot, width: int, height: int) -> list[Content]:
    """The plot in `width` x `height` cells; a sentence if there is nothing to draw or no room."""
    points = {c.experiment: [(e, test) for e, _, test in c.points if test is not None] for c in plot.curves}
    points = {name: curve for name, curve in points.items() if curve}
    curves = {c.experiment: c for c in plot.curves}
    if not points:
        return [Content.styled("SRCC by epoch: no epochs yet", "$text-muted")]
    labels = {name: _label(curves[name], points[name][-1]) for name in points}
    side = min(max(map(cell_len, labels.values())) + 2, width // 3)
    across, down = width - _AXIS - 2 - side, height - 1
    if across < 8 or down < 3:
        return [Content.styled("SRCC by epoch: not enough room; press z to zoom", "$text-muted")]
    low, high = value_range(
        list(points.values()), plot.band, [v for c in plot.curves if (v := _selected(c)) is not None]
    )
    last = max(plot.epochs, *(curve[-1][0] for curve in points.values()), 2)
    canvas = Canvas(across, down)
    order = sorted(points, key=lambda name: (name == plot.selected, name == plot.baseline))
    names = list(points)
    for name in order:
        _curve(canvas, points[name], names.index(name), (low, high), last)
    for name in order:
        _mark(canvas, curves[name], names.index(name), (low, high), last)
    rows = _rows(canvas, plot, names, (low, high))
    tags = _tags(points, labels, plot, names, (low, high), down, side)
    lines = [Content.assemble(_tick(n, down, low, high), row, " ", tags[n]) for n, row in enumerate(rows)]
    return [*lines, _foot(last, across)]


def value_range(curves: Sequence[Points], band: Interval | None, selected: Sequence[float] = ()) -> Interval:
    """The range of values to show: that of later epochs, since the first few would flatten the differences.

    Those at the `selected` epochs are in it.
    """
    shown = [v for curve in curves for _, v in curve[min(len(curve) - 1, int(len(curve) * _SKIPPED)) :]]
    shown += [*selected, *(band or ())]
    low, high = min(shown), max(shown)
    room = max(0.08 * (high - low), 0.0005)
    return low - room, high + room


def _place(canvas: Canvas, epoch: int, value: float, values: Interval, last: int) -> tuple[int, int]:
    """In dots; points below the range are cut off, not moved to its edge."""
    (across, down), (low, high) = canvas.dots, values
    x = round((epoch - 1) / (last - 1) * (across - 1))
    return x, round((high - value) / (high - low) * (down - 1))


def _mark(canvas: Canvas, curve: Curve, owner: int, values: Interval, last: int) -> None:
    """A dot at the selected epoch, which gives the value beside the name."""
    test = _selected(curve)
    if curve.selected is not None and test is not None:
        canvas.mark(*_place(canvas, curve.selected, test, values, last), owner)


def _selected(curve: Curve) -> float | None:
    """The value at the selected epoch."""
    return next((test for epoch, _, test in curve.points if epoch == curve.selected), None)


def _curve(canvas: Canvas, points: Points, owner: int, values: Interval, last: int) -> None:
    places = [_place(canvas, *point, values, last) for point in points]
    for start, end in zip(places, places[1:] or places, strict=False):
        canvas.line(start, end, owner)


def _rows(canvas: Canvas, plot: Plot, names: list[str], values: Interval) -> list[Content]:
    low, high = values
    rows = []
    for row in range(canvas.height):
        middle = high - (row + 0.5) / canvas.height * (high - low)
        half = (high - low) / canvas.height / 2
        inside = plot.band is not None and plot.band[0] - half <= middle <= plot.band[1] + half
        parts: list[tuple[str, str]] = []
        for column in range(canvas.width):
            text, owner = canvas.cell(column, row)
            if owner is None:
                parts.append((_BAND if inside else " ", "$text-disabled"))
            else:
                parts.append((text, _style(names[owner], owner, plot)))
        rows.append(Content.assemble(*_merged(parts)))
    return rows


def _merged(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Merge neighbours of the same style: each change costs an escape sequence."""
    merged: list[tuple[str, str]] = []
    for text, style in parts:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


def _style(name: str, index: int, plot: Plot) -> str:
    strong = "bold " if name in {plot.selected, plot.baseline} else ""
    return f"{strong}${curve_variable(index)}"


def _label(curve: Curve, end: tuple[int, float]) -> str:
    """The name, and the value as the table has it; for a curve without a selected epoch, its last value."""
    name = plain(curve.experiment) + ("" if curve.seed is None else f" s{curve.seed}")
    if curve.value is None or curve.selected is None:
        return f"{name} {at_epoch(end[1], end[0])}"
    return f"{name} {at_epoch(curve.value, curve.selected if curve.unfinished else None)}"


def _tags(
    points: dict[str, Points],
    labels: dict[str, str],
    plot: Plot,
    names: list[str],
    values: Interval,
    down: int,
    side: int,
) -> list[Content]:
    """Each curve's name and last value, on the line where it ends or the nearest free one."""
    low, high = values
    tags: list[Content] = [Content("")] * down
    free = set(range(down))
    for name in sorted(points, key=lambda n: -points[n][-1][1]):
        wanted = min(down - 1, max(0, math.floor((high - points[name][-1][1]) / (high - low) * down)))
        if not free:
            break
        at = min(free, key=lambda row: (abs(row - wanted), -row))
        free.discard(at)
        index = names.index(name)
        mark = "▸" if name == plot.selected else ""
        text = mark + labels[name]
        tags[at] = Content.styled(set_cell_size(text, min(side, cell_len(text))), _style(name, index, plot))
    return tags


def _tick(row: int, down: int, low: float, high: float) -> Content:
    """Axis values at the top, the middle and the bottom."""
    shown = {0: high, down // 2: (low + high) / 2, down - 1: low}
    text = number(shown[row]) if row in shown else ""
    return Content.styled(f"{text:>{_AXIS - 1}} │", "$text-muted")


def _foot(last: int, across: int) -> Content:
    right = f"epoch {last}"
    text = f"1{right:>{across - 1}}" if across > len(right) + 1 else "1"
    return Content.styled(" " * (_AXIS + 1) + text, "$text-muted")
