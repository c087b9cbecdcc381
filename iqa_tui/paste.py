"""Keeps pasted text from pressing keys: Textual's parser reads escape sequences within a paste as keys.

A terminal marks where a paste begins and ends (bracketed paste, xterm's mode 2004); not every terminal removes escape
characters in between.
"""

import sys
from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

_START, _END = "\x1b[200~", "\x1b[201~"


class PasteParser(XTermParser):
    """Textual's parser, which never sees the escape characters within a paste."""

    _inside = False
    _before = ""  # the end of the last data: the start mark may come in parts
    _held = ""  # possibly the first part of the end mark

    def feed(self, data: str) -> Iterable[Message]:
        """The messages in `data`; empty data means the end of input."""
        kept = self._without_escapes(data)
        return super().feed(kept) if kept or not data else ()

    def _without_escapes(self, data: str) -> str:
        kept = ""
        rest, self._held = self._held + data, ""
        while rest:
            if self._inside:
                text, mark, after = rest.partition(_END)
                if not mark:
                    self._held = _possible_start_of(_END, text)
                kept += text.removesuffix(self._held).replace("\x1b", "") + mark
                self._inside = not mark
                rest = after
            else:
                at = (self._before + rest).find(_START)
                self._inside = at >= 0
                through = at + len(_START) - len(self._before) if self._inside else len(rest)
                kept += rest[:through]
                self._before = "" if self._inside else (self._before + rest)[1 - len(_START) :]
                rest = rest[through:]
        return kept


def _possible_start_of(mark: str, text: str) -> str:
    """The longest suffix of `text` that is a prefix of `mark`."""
    return next((mark[:n] for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), "")


def guarded(driver: type[Driver]) -> type[Driver]:
    """Make `driver` use PasteParser, by replacing the name under which its module looks up the parser."""
    names = vars(sys.modules[driver.__module__])
    if "XTermParser" in names:
        names["XTermParser"] = PasteParser
    return driver
