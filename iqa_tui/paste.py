"""What is pasted stays text, whatever it holds: Textual's parser takes escape sequences within it for keys.

A terminal tells where a paste begins and ends (bracketed paste, xterm's mode 2004); whether it takes escape characters
out of what stands in between is its own affair.
"""

import sys
from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

_START, _END = "\x1b[200~", "\x1b[201~"


class PasteParser(XTermParser):
    """Textual's, fed without the escape characters that are pasted."""

    _inside = False
    _before = ""  # the end of what came last: the mark of a start may come in parts
    _held = ""  # what may be the first part of the mark of an end

    def feed(self, data: str) -> Iterable[Message]:
        """What `data` says; empty data is the end of all."""
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
    """The longest end of `text` with which `mark` begins."""
    return next((mark[:n] for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), "")


def guarded(driver: type[Driver]) -> type[Driver]:
    """`driver`, which reads the terminal with PasteParser from now on; it looks its parser up by name."""
    names = vars(sys.modules[driver.__module__])
    if "XTermParser" in names:
        names["XTermParser"] = PasteParser
    return driver
