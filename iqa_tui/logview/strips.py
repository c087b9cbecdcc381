"""A line as strips of the screen: coloured, highlighted, cropped or wrapped, columns aligned."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rich.cells import cell_len, get_character_cell_size
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


def strip(pieces: Iterable[Piece], base: Style) -> Strip:
    """All of the line in one strip, as wide as it is."""
    return Strip([Segment(piece.text, base + piece.style) for piece in pieces])


def cropped(whole: Strip, left: int, width: int, base: Style) -> Strip:
    """Columns `left` to `left + width`, filled up with blanks."""
    return whole.crop_extend(left, left + width, base)


def wrapped(whole: Strip, width: int, base: Style) -> list[Strip]:
    """As many strips of `width` as it takes; a double-width character is never cut in two."""
    if whole.cell_length <= width:
        return [whole.extend_cell_length(width, base)]
    return [part.extend_cell_length(width, base) for part in whole.divide(_cuts(whole.text, width))]


def _cuts(words: str, width: int) -> list[int]:
    """Columns at which strips end."""
    cells = cell_len(words)
    if cells == len(words) and words.isascii():
        return [*range(width, cells, width), cells]
    cuts: list[int] = []
    column = begun = 0
    for character in words:
        size = get_character_cell_size(character)
        if column + size - begun > max(width, 2):
            cuts.append(column)
            begun = column
        column += size
    return [*cuts, column]
