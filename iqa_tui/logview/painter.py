"""From a line of a document to strips, with what is found in it marked."""

from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from iqa_tui.logview import strips
from iqa_tui.logview.ansi import Piece, pieces
from iqa_tui.logview.document import Line
from iqa_tui.logview.matcher import Matcher

_DIM = Style(dim=True)


@dataclass(frozen=True)
class PaintStyle:
    """Everything besides the line that decides what its strips are."""

    width: int
    wrap: bool
    left: int  # first column shown, where lines are not wrapped
    base: Style
    hit: Style
    mark: Style
    search: Matcher | None


def paint(line: Line, look: PaintStyle, *, marked: bool) -> list[Strip]:
    """The strips of a line, each `look.width` wide: one, or as many as it takes to wrap it."""
    base = look.base + look.mark if marked else look.base
    parts = pieces(line.data)
    if look.search is not None:
        parts = strips.highlighted(parts, look.search.spans(strips.text(parts)), look.hit)
    if line.hidden:
        parts.append(Piece(strips.more(line), _DIM))
    if look.wrap:
        return strips.wrapped(parts, look.width, base)
    return [strips.cropped(parts, look.left, look.width, base)]
