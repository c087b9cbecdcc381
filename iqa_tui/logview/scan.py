"""Which lines of a document match: found in slices, from its beginning, and kept up as it grows."""

import time
from array import array
from bisect import bisect_left, bisect_right

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import LONGEST, Document, last_state
from iqa_tui.logview.matcher import Matches

_AT_ONCE = 1 << 15  # bytes between two looks at the clock: 350 lines of 25 us where each has colours


class Scan:
    """Numbers of the matching lines in `hits`, ascending, eight bytes each. An unterminated last line is left out."""

    def __init__(self, document: Document, matcher: Matches) -> None:
        self.document = document
        self.matcher = matcher
        self._begin()

    def _begin(self) -> None:
        self.hits = array("q")
        self._generation = self.document.generation
        self._offset = self._line = 0  # where the first line that is still to be looked at begins, and its number

    @property
    def complete(self) -> bool:
        """Whether every line with an end has been looked at."""
        return (
            self._generation == self.document.generation
            and self.document.exact
            and self._offset >= self.document.index.line_start
        )

    @property
    def reached(self) -> int:
        """Lines before this one have been looked at."""
        return self._line

    def work(self, seconds: float) -> bool:
        """Look at lines for about `seconds`; whether there are more. Waits until the document's numbers are exact."""
        if self._generation != self.document.generation:
            self._begin()
        until = time.perf_counter() + seconds
        while self.document.exact and self._offset < self.document.index.line_start:
            if not self._step(self.document.index.line_start):
                return False
            if time.perf_counter() >= until:
                return self._offset < self.document.index.line_start
        return False

    def after(self, line: int) -> int | None:
        """The first hit after `line`."""
        k = bisect_right(self.hits, line)
        return self.hits[k] if k < len(self.hits) else None

    def before(self, line: int) -> int | None:
        """The last hit before `line`."""
        k = bisect_left(self.hits, line)
        return self.hits[k - 1] if k else None

    def position(self, line: int) -> int:
        """Which hit `line` is, from 1; 0 where it is none."""
        k = bisect_left(self.hits, line)
        return k + 1 if k < len(self.hits) and self.hits[k] == line else 0

    def _step(self, upto: int) -> bool:
        data = self.document.source.read(self._offset, min(_AT_ONCE, upto - self._offset))
        cut = data.rfind(b"\n") + 1
        if cut:
            self._look(data[:cut])
            return True
        if not data or self._line >= self.document.lines:  # cut short; the next poll will see it
            return False
        start, end = self.document.span(self._line)  # a long line
        if self.matcher.matches(text_of(self.document.shown(start, end).data)):
            self.hits.append(self._line)
        self._offset, self._line = end + 1, self._line + 1
        return True

    def _look(self, data: bytes) -> None:
        """At whole lines. Bytes are compared where what is shown is what is there, as in most lines it is."""
        needle = self.matcher.needle
        odd = b"\x1b" in data or not data.isascii()
        if needle is None or odd or (b" " in needle and b"\t" in data):
            self._look_at_each(data)
        else:
            self._look_for(needle, data)
        self._offset += len(data)

    def _look_at_each(self, data: bytes) -> None:
        number, hits, matches = self._line, self.hits, self.matcher.matches
        for line in data[:-1].split(b"\n"):
            if matches(text_of(line if b"\r" not in line and len(line) <= LONGEST else last_state(line).data)):
                hits.append(number)
            number += 1
        self._line = number

    def _look_for(self, needle: bytes, data: bytes) -> None:
        hay = data.lower() if self.matcher.folded else data
        start, number = 0, self._line
        found = hay.find(needle)
        while found >= 0:
            number += data.count(b"\n", start, found)
            start = data.rfind(b"\n", start, found) + 1 or start
            end = data.find(b"\n", found)
            line = data[start:end]
            if (b"\r" not in line and len(line) <= LONGEST) or self.matcher.matches(text_of(last_state(line).data)):
                self.hits.append(number)
            start, number = end + 1, number + 1
            found = hay.find(needle, start)
        self._line = number + data.count(b"\n", start)
