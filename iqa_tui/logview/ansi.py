"""Turns bytes of a log into text that is safe for a terminal, and its colours."""

import re
from typing import NamedTuple

from rich.style import Style

from iqa_tui import safe
from iqa_tui.logview.sgr import Colours

# Of an unterminated sequence only the beginning is dropped, so that no text is lost. No sequence crosses a line end.
_AFTER_ESCAPE = (
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: parameters, final bytes
    r"|[\]PX^_][^\n\x07\x1b\x9c\x90\x98\x9d-\x9f]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\[[0-?]*[ -/]*"  # an incomplete CSI
    r"|[ -/]*[0-~]?"  # any other escape sequence
)
_ESCAPES = re.compile(rf"\x1b(?:{_AFTER_ESCAPE})")  # begins with one character, which is searched for quickly
_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)(?P<final>[ -/]*[@-~])"
    r"|[\x9d\x90\x98\x9e\x9f][^\n\x07\x1b\x9c\x90\x98\x9d-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x9b[0-?]*[ -/]*"
    rf"|\x1b(?:{_AFTER_ESCAPE})"
    r"|[\x90\x98\x9d-\x9f]"
)
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in {9, 10}} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)  # C1
_ASCII_CONTROLS = bytes(code for code in _PICTURES if code < 0x80)
# Text without these is shown as it is. Some of them are, too, and only take longer.
_UNUSUAL = re.compile(
    "[^\t\n -~\xa1-\xac\xae-\u02ff\u0391-\u03a1\u03a3-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u23ff\u2500-\u27bf"
    "\u3001-\u3029\u3041-\u3096\u309b-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9f\ufffd\U0001f300-\U0001f64f]"
)


class Piece(NamedTuple):
    """Text in one style, without control characters except for tabs."""

    text: str
    style: Style


_PLAIN = Style()


def pieces(data: bytes) -> list[Piece]:
    """The bytes of a line as text in its colours (SGR); other escape sequences are dropped.

    Other control characters become control pictures (U+2400), bytes that are not UTF-8 become U+FFFD, and the rest is
    made safe by `iqa_tui.safe.plain`.
    """
    text = data.decode("utf-8", "replace")
    if "\x1b" not in text and not _C1.search(data):
        return [Piece(_shown(text), _PLAIN)] if text else []
    styled: list[Piece] = []
    colours = Colours()
    at = 0
    for control in _CONTROLS.finditer(text):
        _add(styled, text[at : control.start()], colours.style)
        if control["final"] == "m":
            colours.obey(control["parameters"])
        at = control.end()
    _add(styled, text[at:], colours.style)
    return styled


def text_of(data: bytes) -> str:
    """The text of a line, or of several lines, as `pieces` has it: searches see what is shown."""
    if data.isascii() and len(data.translate(None, _ASCII_CONTROLS)) == len(data):
        return data.decode("ascii")
    text = data.decode("utf-8", "replace")
    if _C1.search(data):
        text = _CONTROLS.sub("", text)
    elif "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if not _UNUSUAL.search(text):
        return text
    return "\n".join(map(_shown, text.split("\n")))


def _add(styled: list[Piece], text: str, style: Style) -> None:
    if text:
        styled.append(Piece(_shown(text), style))


def _shown(text: str) -> str:
    if not _UNUSUAL.search(text):
        return text
    return "\t".join(safe.plain(part.translate(_PICTURES)) for part in text.split("\t"))
