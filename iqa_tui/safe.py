"""Text that others wrote (names, paths, messages, log lines), made fit for the screen: the console shows no other way.

A plain `str` handed to a Textual widget is read as markup, so that `[/]` in a path crashes it; control characters go
through to the terminal, which obeys them. Give widgets `content(...)` (or `text(...)`, for cells of a table) and this
cannot happen.
"""

import re
import unicodedata

from rich.text import Text
from textual.content import Content

from iqa_train.errors import visible

MOST_MARKS = 3  # combining marks kept on one character: enough for every script, too few to cover the lines around it
_MARKS = {"Mn", "Me"}
_DOTTED_CIRCLE = "\u25cc"  # carries a mark that has nothing to stand on, as Unicode's charts do
_SHOWN_AS_THEY_ARE = {"Co", "Zs"}  # private use and spaces: str.isprintable() is stricter than a terminal needs
# Characters that are printable by category, and nothing or something else by width: terminals disagree about them.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def plain(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal obeys or that has no width of its own.

    Control characters (C0, C1), line and paragraph separators, bidirectional controls and lone surrogates (bytes of a
    file name that are not UTF-8) become escapes such as `\\n` and `\\u001b`; characters without width (zero-width
    spaces and joiners, variation selectors, fillers) are dropped; combining marks stay, `MOST_MARKS` to a character.
    """
    if text.isascii():
        return text if text.isprintable() else visible(text)
    if not text.isprintable():
        text = "".join(map(_shown, text))
    return _marks_in_bounds(_IGNORABLE.sub("", text))


def content(text: str, style: str = "") -> Content:
    """`plain(text)` for a Textual widget: never read as markup. `style` is the program's own, never the text's."""
    return Content.styled(plain(text), style)


def text(text: str, style: str = "") -> Text:
    """`plain(text)` for a Rich renderable such as a DataTable cell: never read as markup, never broken into lines."""
    return Text(plain(text), style, no_wrap=True, end="")


def pasted(text: str) -> str:
    """`text` for a field that shows it as it is: lines as they are, without what a terminal obeys or has no width."""
    kept = "".join(c for c in text if c.isprintable() or c in "\n\t" or unicodedata.category(c) in _SHOWN_AS_THEY_ARE)
    return _marks_in_bounds(_IGNORABLE.sub("", kept))


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


def _marks_in_bounds(text: str) -> str:
    """With at most `MOST_MARKS` combining marks to a character, and none at the very start."""
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
