"""Makes foreign text (names, paths, messages, log lines) safe for the screen; the console shows it no other way.

Textual reads a plain `str` as markup, so `[/]` in a path crashes a widget; control characters would reach the terminal,
which obeys them. Pass `content(...)` (or `text(...)` for table cells) to widgets instead.
"""

import re
import unicodedata

from rich.text import Text
from textual.content import Content

from iqa_train.errors import visible

MOST_MARKS = 3  # combining marks kept on one character: enough for every script, too few to cover the lines around it
_MARKS = {"Mn", "Me"}
_DOTTED_CIRCLE = "\u25cc"  # carries a mark without a base character, as in Unicode's charts
_SHOWN_AS_THEY_ARE = {"Co", "Zs"}  # private use and spaces, which str.isprintable() rejects
# Printable by category, but of no or unclear width: terminals disagree about them.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def plain(text: str) -> str:
    """`text` on one line, without anything that a terminal obeys or that has no width.

    Control characters (C0, C1), line and paragraph separators, bidirectional controls and lone surrogates (bytes of a
    file name that are not UTF-8) become escapes such as `\\n` and `\\u001b`; characters without width (zero-width
    spaces and joiners, variation selectors, fillers) are dropped, and so are combining marks beyond `MOST_MARKS`.
    """
    if text.isascii():
        return text if text.isprintable() else visible(text)
    if not text.isprintable():
        text = "".join(map(_shown, text))
    return _limit_marks(_IGNORABLE.sub("", text))


def content(text: str, style: str = "") -> Content:
    """`plain(text)` for a Textual widget, never read as markup. `style` must not come from the text."""
    return Content.styled(plain(text), style)


def text(text: str, style: str = "") -> Text:
    """`plain(text)` for a Rich renderable such as a table cell, never read as markup and never wrapped."""
    return Text(plain(text), style, no_wrap=True, end="")


def pasted(text: str) -> str:
    """`text` for an input field: line breaks are kept, control characters and characters without width are not."""
    kept = "".join(c for c in text if c.isprintable() or c in "\n\t" or unicodedata.category(c) in _SHOWN_AS_THEY_ARE)
    return _limit_marks(_IGNORABLE.sub("", kept))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    escaped = visible(character)
    category = unicodedata.category(character)
    if escaped != character or category in _SHOWN_AS_THEY_ARE:
        return escaped
    if category == "Cf":
        return ""
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def _limit_marks(text: str) -> str:
    """Keep at most `MOST_MARKS` combining marks on a character; a leading one gets a base character."""
    if not any(unicodedata.category(character) in _MARKS for character in set(text)):
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        if unicodedata.category(character) in _MARKS:
            if not kept:
                kept.append(_DOTTED_CIRCLE)
            marks += 1
            if marks > MOST_MARKS:
                continue
        else:
            marks = 0
        kept.append(character)
    return "".join(kept)
