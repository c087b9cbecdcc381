"""Lays out sections of rows as lines of a page, as wide as the screen allows."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from iqa_train.report.sections import Line, Section
from iqa_tui.safe import plain

_GAP = 2
_MARGIN = 2
_WIDEST = 120
_NARROWEST_LAST = 16  # columns that the last cell gets before the others shrink
SIGNS = {"differs": "≠", "inert": "∅", "error": "✗", "warning": "!", "note": "·", "good": "✓"}
"""The sign before a marked row; the colour only repeats it."""
_STYLES = {
    "differs": "bold $text-accent", "inert": "dim", "error": "$text-error", "warning": "$text-warning",
    "good": "$text-success",
}  # fmt: skip


@dataclass(frozen=True)
class PageLayout:
    """The lines of a page, and the first line of each section."""

    lines: tuple[Content, ...]
    starts: tuple[int, ...]


def lay_out(sections: Sequence[Section], width: int) -> PageLayout:
    """All sections, with a blank line between them."""
    lines: list[Content] = []
    starts = []
    room = max(20, min(width, _WIDEST))
    for section in sections:
        if lines:
            lines.append(Content(""))
        starts.append(len(lines))
        title = plain(section.title)
        lines.append(Content.styled(f"{title} " + "─" * max(0, room - cell_len(title) - 1), "bold $text-primary"))
        lines += _body(section, room)
    return PageLayout(tuple(lines), tuple(starts))


def _body(section: Section, width: int) -> list[Content]:
    widths = _widths(section, width - _MARGIN)
    lines = []
    if section.head:
        lines += _row(Line(section.head), widths, width, "dim")
    for line in section.lines:
        lines += _row(line, widths, width, _STYLES.get(line.mark, ""))
    return lines


def _widths(section: Section, width: int) -> list[int]:
    """The widths of all columns but the last, which takes the rest."""
    rows = [line.cells for line in section.lines if len(line.cells) > 1]
    count = max([len(cells) for cells in rows], default=1)
    rows += [section.head] if section.head else []
    widths = [max(cell_len(plain(cells[k])) for cells in rows if k < len(cells)) for k in range(count - 1)]
    while widths and sum(widths) + _GAP * len(widths) > width - _NARROWEST_LAST and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(line: Line, widths: Sequence[int], width: int, style: str) -> list[Content]:
    """The lines of a row: its cells side by side, each wrapped if needed."""
    sign = f"{SIGNS.get(line.mark, ''):<{_MARGIN}}"
    if len(line.cells) == 1:
        cells, rooms = [plain(line.cells[0])], [width - _MARGIN]
    else:
        cells = [plain(cell) for cell in line.cells]
        rooms = [*widths[: len(cells) - 1]]
        rooms.append(width - _MARGIN - sum(rooms) - _GAP * len(rooms))
    broken = [wrapped(cell, max(1, room)) for cell, room in zip(cells, rooms, strict=True)]
    lines = []
    for n in range(max(map(len, broken))):
        text = sign if n == 0 else " " * _MARGIN
        for parts, room in zip(broken, rooms, strict=True):
            part = parts[n] if n < len(parts) else ""
            text += part + " " * (room - cell_len(part) + _GAP)
        lines.append(Content.styled(text.rstrip(), style) if style else Content(text.rstrip()))
    return lines


def wrapped(text: str, room: int) -> list[str]:
    """Plain `text` in lines of at most `room` columns, broken at spaces, or anywhere in longer words."""
    lines, line, taken = [], "", 0
    for word in text.split(" "):
        size = cell_len(word)
        if line and taken + 1 + size > room:
            lines.append(line)
            line, taken = "", 0
        elif line:
            line, taken = line + " ", taken + 1
        rest = word
        while cell_len(rest) > room:
            head = _head(rest, room)
            lines.append(head)
            rest = rest[len(head) :]
        line, taken = line + rest, taken + cell_len(rest)
    return [*lines, line] if line or not lines else lines


def _head(word: str, room: int) -> str:
    """As many characters as fit, at least one."""
    taken = 0
    for n, character in enumerate(word):
        taken += cell_len(character)
        if taken > room:
            return word[: max(1, n)]
    return word
