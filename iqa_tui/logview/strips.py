"""A line as strips of the screen: coloured, highlighted, cropped or wrapped, columns aligned."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from iqa_tui.logview.ansi import Piece
from iqa_tui.logview.document import Line


def text(pieces: Iterable[Piece]) -> str:
    """What is read."""
    return "".join(piece.text for piece in pieces)


def highlighted(pieces: Sequence[Piece], spans: Sequence[tuple[int, int]], style: Style) -> list[Piece]:
    """With the characters in `spans` (ascending, apart) in `style`."""
    if not spans:
        return list(pieces)
    cuts = sorted({at for span in spans for at in span})
    done: list[Piece] = []
    at = 0
    inside = iter(spans)
    span = next(inside, None)
    for piece in pieces:
        end = at + len(piece.text)
        edges = [at, *(cut for cut in cuts if at < cut < end), end]
        for left, right in pairwise(edges):
            while span is not None and span[1] <= left:
                span = next(inside, None)
            hit = span is not None and span[0] <= left
            done.append(Piece(piece.text[left - at : right - at], piece.style + style if hit else piece.style))
        at = end
    return done


def more(line: Line) -> str:
    """A word about what is left out of a line."""
    if not line.hidden:
        return ""
    size = f"{line.hidden / 1e6:.1f} MB" if line.hidden >= 1e5 else f"{line.hidden:,} bytes"
    return f" … {size} more"


def cropped(pieces: Iterable[Piece], left: int, width: int, base: Style) -> Strip:
    """Columns `left` to `left + width`, filled up with blanks; half a double-width character is a blank."""
    row: list[Segment] = []
    room = width
    for piece in pieces:
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


def wrapped(pieces: Iterable[Piece], width: int, base: Style) -> list[Strip]:
    """As many strips of `width` as it takes; a double-width character is never cut in two."""
    done: list[Strip] = []
    row: list[Segment] = []
    room = width
    for piece in pieces:
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
    """How many characters fit in `room` columns, and how many columns they take."""
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
