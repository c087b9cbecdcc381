"""Draws a plot by epoch as lines of text; the selected curve and the baseline are in front."""

import math
from collections.abc import Collection, Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from iqa_train.report.numbers import number
from iqa_train.stats.interval import Interval
from iqa_tui.safe import plain
from iqa_tui.widgets.braille import Canvas
from iqa_tui.widgets.plot_axis import ValueAxis, epoch_ticks, exponential, later_range, value_axis
from iqa_tui.widgets.plot_data import QUANTITIES, Drawn, Plot, drawn_curves
from iqa_tui.widgets.plot_labels import spread

_BAND = "░"
_FEWEST_COLUMNS = 8
_FEWEST_ROWS = 3


def draw(plot: Plot, width: int, height: int) -> list[Content]:
    """The plot in `width` x `height` cells; a sentence if there is nothing to draw or no room."""
    what = QUANTITIES[plot.quantity].title
    drawn = drawn_curves(plot)
    if not drawn:
        return [Content.styled(f"{what} by epoch: no epochs yet", "$text-muted")]
    band = plot.band if plot.quantity == "srcc" else None
    low, high = later_range([c.points for c in drawn], band, 0.0 if QUANTITIES[plot.quantity].from_start else 0.5)
    down = height - 1
    axis = value_axis(low, high, max(1, down))
    left = max(map(len, axis.ticks.values()), default=0) + 2
    side = min(max(cell_len(_label(c, plot)) for c in drawn if not c.grey or len(drawn) <= down) + 1, 2 * width // 5)
    across = width - left - side
    if across < _FEWEST_COLUMNS or down < _FEWEST_ROWS:
        return [Content.styled(f"{what} by epoch: not enough room; press z to zoom", "$text-muted")]
    last = max(plot.epochs, *(c.points[-1][0] for c in drawn), 2)
    canvas = Canvas(across, down)
    for curve in sorted(drawn, key=lambda c: (not c.grey, c.front, c.name == plot.selected)):
        _trace(canvas, curve, axis, last)
    rows = _rows(canvas, {c.index: c for c in drawn}, axis, band)
    labels = _labels(drawn, plot, axis, down, side)
    lines = [Content.assemble(_tick(axis.ticks.get(n), left), row, " ", labels[n]) for n, row in enumerate(rows)]
    return [*lines, _foot(last, left, across, width)]


def _trace(canvas: Canvas, curve: Drawn, axis: ValueAxis, last: int) -> None:
    """Draw a curve; where it comes from beyond the range, an arrow stands at the edge."""
    across, down = canvas.dots

    def place(epoch: int, value: float) -> tuple[int, int]:
        return round((epoch - 1) / (last - 1) * (across - 1)), round(axis.position(value) * (down - 1))

    places = [place(*point) for point in curve.points]
    for start, end in zip(places, places[1:] or places, strict=False):
        canvas.line(start, end, curve.index)
    if curve.grey:
        return
    for (x, y), (_, after) in zip(places, [*places[1:], (0, down // 2)], strict=True):
        if y >= down > after:
            canvas.mark(x // 2, canvas.height - 1, "↓", curve.index)
        elif y < 0 <= after:
            canvas.mark(x // 2, 0, "↑", curve.index)
    for point, (x, y) in zip(curve.points, places, strict=True):
        if point[0] == curve.selected and 0 <= y < down:
            canvas.mark(x // 2, y // 4, curve.mark, curve.index)


def _rows(canvas: Canvas, drawn: dict[int, Drawn], axis: ValueAxis, band: Interval | None) -> list[Content]:
    inside = _inside(canvas.height, axis, band)
    words, named = _band_words(band, canvas, inside)
    rows = []
    for row in range(canvas.height):
        parts: list[tuple[str, str]] = []
        for column in range(canvas.width):
            text, owner = canvas.cell(column, row)
            if owner is not None:
                parts.append((text, drawn[owner].style))
            elif row in inside:
                written = row == named and column < len(words)
                parts.append((words[column] if written else _BAND, "$text-muted" if written else "$text-disabled"))
            else:
                parts.append((" ", ""))
        rows.append(Content.assemble(*_merged(parts)))
    return rows


def _inside(height: int, axis: ValueAxis, band: Interval | None) -> list[int]:
    """The rows that the band covers; one at least."""
    if band is None:
        return []
    top, bottom = (axis.position(value) * height for value in (band[1], band[0]))
    first = min(height - 1, max(0, math.floor(top)))
    return list(range(first, max(first + 1, min(height, math.ceil(bottom)))))


def _band_words(band: Interval | None, canvas: Canvas, inside: Sequence[int]) -> tuple[str, int | None]:
    """What the band is, and the lowest of its rows that has room for it before any curve."""
    if band is not None:
        span = number(band[0]) if band[0] == band[1] else f"{number(band[0])} to {number(band[1])}"
        for words in (f"expected {span} ", f"{span} ", "expected "):
            for row in reversed(inside):
                if len(words) < canvas.width and all(canvas.cell(k, row)[1] is None for k in range(len(words))):
                    return words, row
    return "", None


def _merged(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Merge neighbours of the same style: each change costs an escape sequence."""
    merged: list[tuple[str, str]] = []
    for text, style in parts:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


def _label(curve: Drawn, plot: Plot) -> str:
    """Its mark and name, and a value: the SRCC that the table has, else that of the selected epoch or of the last."""
    name = plain(curve.name) + ("" if curve.curve.seed is None else f" s{curve.curve.seed}")
    value = curve.value
    epoch: int | None = curve.selected if curve.selected in dict(curve.points) else curve.points[-1][0]
    if plot.quantity == "srcc" and curve.curve.value is not None and curve.selected is not None:
        value, epoch = curve.curve.value, curve.selected if curve.curve.unfinished else None
    words = exponential(value, 1) if plot.quantity == "lr" else number(value)
    at = "" if epoch is None else f"@{epoch}"
    return f"{'▸' if curve.name == plot.selected else ''}{curve.mark} {name} {words}{at}"


def _labels(drawn: Collection[Drawn], plot: Plot, axis: ValueAxis, down: int, side: int) -> list[Content]:
    """Each curve's mark, name and value beside its end, in the order of the ends; without room, those in front."""
    by_weight = sorted(drawn, key=lambda c: (c.name != plot.selected, c.name != plot.baseline, not c.front, c.grey))
    room = down if len(drawn) <= down else down - 1
    kept = [c for c in by_weight if not c.grey or len(drawn) <= down][:room]
    kept.sort(key=lambda c: -c.points[-1][1])
    wanted = [min(1.0, max(0.0, axis.position(c.points[-1][1]))) * (down - 1) for c in kept]
    labels = [Content("")] * down
    for curve, row in zip(kept, spread(wanted, room), strict=True):
        text = _label(curve, plot)
        labels[row] = Content.styled(set_cell_size(text, min(side - 1, cell_len(text))), curve.style)
    if len(kept) < len(drawn) and not labels[-1].plain:
        labels[-1] = Content.styled(set_cell_size(f"+{len(drawn) - len(kept)} more", side - 1), "$text-muted")
    return labels


def _tick(text: str | None, left: int) -> tuple[str, str]:
    """The axis in one row, with the number that stands there."""
    return (f"{'':>{left - 1}}│" if text is None else f"{text:>{left - 2}} ┤"), "$text-muted"


def _foot(last: int, left: int, across: int, width: int) -> Content:
    line = [" "] * across
    for column, text in epoch_ticks(last, across).items():
        line[column : column + len(text)] = text
    return Content.styled((" " * left + "".join(line).rstrip() + " epoch")[:width], "$text-muted")
