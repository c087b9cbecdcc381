"""Paints a line as strips of the screen: coloured, highlighted, cropped or wrapped."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from iqa_train.tab_stops import TabStops
from iqa_tui.logview.ansi import Piece, pieces
from iqa_tui.logview.document import Line
from iqa_tui.logview.landmarks import PROBLEM, RESULT, is_warning
from iqa_tui.logview.matcher import Matcher

_TAB = re.compile("\t")
_DIM = Style(dim=True)
_PLAIN = Style()
_CUT = "›"


@dataclass(frozen=True)
class PaintStyle:
    """Everything besides the line that determines its strips."""

    width: int
    wrap: bool
    left: int  # first column shown, if lines are not wrapped
    base: Style
    hit: Style
    mark: Style
    search: Matcher | None
    result: Style = _PLAIN  # of a line with an epoch's or a round's results
    warning: Style = _PLAIN
    error: Style = _PLAIN


def paint(line: Line, style: PaintStyle, stops: TabStops, *, marked: bool) -> list[Strip]:
    """The strips of a line, each `style.width` wide: one, or several if it is wrapped."""
    parts = pieces(line.data)
    base = style.base + _kind_style(_text(parts), style)
    base = base + style.mark if marked else base
    if style.search is not None:
        parts = highlighted(parts, style.search.spans(_text(parts)), style.hit)
    parts = expanded(parts, stops)
    if line.hidden:
        parts.append(Piece(_more(line), _DIM))
    if style.wrap:
        return wrapped(parts, style.width, base)
    return [cropped(parts, style.left, style.width, base)]


def _kind_style(text: str, style: PaintStyle) -> Style:
    """What results, warnings and errors look like; the line's own colours come first."""
    if RESULT.matches(text):
        return style.result
    if PROBLEM.matches(text):
        return style.warning if is_warning(text) else style.error
    return _PLAIN


def _text(parts: Iterable[Piece]) -> str:
    """The plain text of `parts`."""
    return "".join(piece.text for piece in parts)


def expanded(parts: Sequence[Piece], stops: TabStops) -> list[Piece]:
    """`parts` with blanks for tabs."""
    text = _text(parts)
    if "\t" not in text:
        return list(parts)
    blanks = iter(stops.blanks(text))
    return [Piece(_TAB.sub(lambda _: " " * next(blanks), piece.text), piece.style) for piece in parts]


def highlighted(parts: Sequence[Piece], spans: Sequence[tuple[int, int]], style: Style) -> list[Piece]:
    """`parts` with the characters in `spans` (ascending, disjoint) in `style`."""
    if not spans:
        return list(parts)
    cuts = sorted({at for span in spans for at in span})
    done: list[Piece] = []
    at = 0
    inside = iter(spans)
    span = next(inside, None)
    for piece in parts:
        end = at + len(piece.text)
        edges = [at, *(cut for cut in cuts if at < cut < end), end]
        for left, right in pairwise(edges):
            while span is not None and span[1] <= left:
                span = next(inside, None)
            hit = span is not None and span[0] <= left
            done.append(Piece(piece.text[left - at : right - at], piece.style + style if hit else piece.style))
        at = end
    return done


def _more(line: Line) -> str:
    """A note about the part of a line that is left out."""
    if not line.hidden:
        return ""
    size = f"{line.hidden / 1e6:.1f} MB" if line.hidden >= 1e5 else f"{line.hidden:,} bytes"
    return f" … {size} more"


def cropped(parts: Iterable[Piece], left: int, width: int, base: Style) -> Strip:
    """Columns `left` to `left + width`, padded with blanks; half a double-width character becomes a blank.

    A line that is longer has a mark in its last column.
    """
    parts = list(parts)
    if width > 1 and sum(cell_len(piece.text) for piece in parts) > left + width:
        return Strip([*_window(parts, left, width - 1, base), Segment(_CUT, base + _DIM)], width)
    return _window(parts, left, width, base)


def _window(parts: Iterable[Piece], left: int, width: int, base: Style) -> Strip:
    row: list[Segment] = []
    room = width
    for piece in parts:
        text, style = piece.text, base + piece.style
        if left > 0:
            count, used = _fitting(text, left)
            if used < left and count < len(text):  # a double-width character across the edge
                count, used = count + 1, used + get_character_cell_size(text[count])
            text, left = text[count:], left - used
            if left < 0:
                row.append(Segment(" " * -left, style))
                room += left
        if text:
            count, used = _fitting(text, room)
            row.append(Segment(text[:count], style))
            room -= used
            if count < len(text):
                break
    return _filled(row, room, width, base)


def wrapped(parts: Iterable[Piece], width: int, base: Style) -> list[Strip]:
    """Strips of `width`, as many as needed; a double-width character is never split."""
    done: list[Strip] = []
    row: list[Segment] = []
    room = width
    for piece in parts:
        text, style = piece.text, base + piece.style
        while text:
            count, used = _fitting(text, room)
            if not count and room == width:  # wider than the screen
                text = "?" + text[1:]
                continue
            if count:
                row.append(Segment(text[:count], style))
                text, room = text[count:], room - used
            if text:
                done.append(_filled(row, room, width, base))
                row, room = [], width
    return [*done, _filled(row, room, width, base)]


def _fitting(text: str, room: int) -> tuple[int, int]:
    """The number of characters that fit in `room` columns, and the columns they take."""
    if text.isascii():
        count = min(len(text), room)
        return count, count
    used = 0
    for count, character in enumerate(text):
        size = get_character_cell_size(character)
        if used + size > room:
            return count, used
        used += size
    return len(text), used


def _filled(row: list[Segment], room: int, width: int, base: Style) -> Strip:
    if room > 0:
        row.append(Segment(" " * room, base))
    return Strip(row, width)
