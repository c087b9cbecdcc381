"""Turns a line of bytes into coloured text that is safe for a terminal."""

import re
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style

from iqa_tui import safe
from iqa_tui.logview.sgr import Colours

TAB = 8  # columns

# Of an unterminated sequence only the beginning is dropped, so that no text is lost.
_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)([0-?]*)([ -/]*[@-~])"  # CSI: parameters, final bytes
    # OSC, DCS, SOS, PM, APC
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\x90\x98\x9d-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*"  # an incomplete CSI
    r"|\x1b[ -/]*[0-~]?"  # any other escape sequence
    r"|[\x90\x98\x9d-\x9f]"
)
_PICTURES = {code: 0x2400 + code for code in range(32) if code != 9} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)  # C1


class Piece(NamedTuple):
    """Text in one style, without control characters, with tabs expanded."""

    text: str
    style: Style


_PLAIN = Style()


def pieces(data: bytes) -> list[Piece]:
    """The bytes of a line as text in its colours (SGR); other escape sequences are dropped.

    Other control characters become control pictures (U+2400), bytes that are not UTF-8 become U+FFFD, and the rest is
    made safe by `iqa_tui.safe.plain`.
    """
    text = data.decode("utf-8", "replace")
    if "\x1b" not in text and (text.isascii() or not _CONTROLS.search(text)):
        return [Piece(_shown(text, 0), _PLAIN)] if text else []
    styled: list[Piece] = []
    colours = Colours()
    at = column = 0
    for control in _CONTROLS.finditer(text):
        column = _add(styled, text[at : control.start()], column, colours.style)
        if control[2] == "m":
            colours.obey(control[1])
        at = control.end()
    _add(styled, text[at:], column, colours.style)
    return styled


def text_of(data: bytes) -> str:
    """The text of `pieces(data)`: searches see exactly what is shown."""
    text = data.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text
    return _shown(_CONTROLS.sub("", text), 0)


def _add(styled: list[Piece], text: str, column: int, style: Style) -> int:
    if not text:
        return column
    shown = _shown(text, column)
    styled.append(Piece(shown, style))
    return column + cell_len(shown)


def _shown(text: str, column: int) -> str:
    if text.isprintable() and text.isascii():
        return text
    if "\t" not in text:
        return safe.plain(text.translate(_PICTURES))
    parts = text.split("\t")
    shown = []
    for raw in parts[:-1]:
        part = safe.plain(raw.translate(_PICTURES))
        column += cell_len(part)
        blanks = TAB - column % TAB
        column += blanks
        shown.append(part + " " * blanks)
    shown.append(safe.plain(parts[-1].translate(_PICTURES)))
    return "".join(shown)
