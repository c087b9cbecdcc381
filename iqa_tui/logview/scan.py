"""Finds the matching lines of a document in slices, and keeps up as it grows."""

import time
from array import array
from bisect import bisect_left, bisect_right

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import LONGEST, Document, last_state
from iqa_tui.logview.matcher import LineMatcher

_AT_ONCE = 1 << 15  # bytes between two checks of the clock: 350 coloured lines of 25 us each


class Scan:
    """`hits` are the numbers of the matching lines, ascending, eight bytes each, without an unterminated last line."""

    def __init__(self, document: Document, matcher: LineMatcher) -> None:
        self.document = document
        self.matcher = matcher
        self._begin()

    def _begin(self) -> None:
        self.hits = array("q")
        self._generation = self.document.generation
        self._offset = self._line = 0  # offset and number of the next line to search

    @property
    def complete(self) -> bool:
        """Whether every terminated line has been searched."""
        return (
            self._generation == self.document.generation
            and self.document.exact
            and self._offset >= self.document.index.line_start
        )

    @property
    def reached(self) -> int:
        """The number of lines searched so far."""
        return self._line

    def work(self, seconds: float) -> bool:
        """Search for about `seconds`; returns whether lines are left. Waits until the document is exact."""
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
        """The position of `line` among the hits, from 1; 0 if it is not a hit."""
        k = bisect_left(self.hits, line)
        return k + 1 if k < len(self.hits) and self.hits[k] == line else 0

    def _step(self, upto: int) -> bool:
        data = self.document.source.read(self._offset, min(_AT_ONCE, upto - self._offset))
        cut = data.rfind(b"\n") + 1
        if cut:
            self._search(data[:cut])
            return True
        if not data or self._line >= self.document.lines:  # truncated; the next poll will notice
            return False
        start, end = self.document.span(self._line)  # a long line
        if self.matcher.matches(text_of(self.document.between(start, end).data)):
            self.hits.append(self._line)
        self._offset, self._line = end + 1, self._line + 1
        return True

    def _search(self, data: bytes) -> None:
        """Search whole lines: by bytes if they are shown as they are, as most lines are, else line by line."""
        needle = self.matcher.needle
        special = b"\x1b" in data or not data.isascii()
        if needle is None or special or (b" " in needle and b"\t" in data):
            self._search_each_line(data)
        else:
            self._search_bytes(needle, data)
        self._offset += len(data)

    def _search_each_line(self, data: bytes) -> None:
        number, hits, matches = self._line, self.hits, self.matcher.matches
        for line in data[:-1].split(b"\n"):
            if matches(text_of(line if b"\r" not in line and len(line) <= LONGEST else last_state(line).data)):
                hits.append(number)
            number += 1
        self._line = number

    def _search_bytes(self, needle: bytes, data: bytes) -> None:
        haystack = data.lower() if self.matcher.folded else data
        start, number = 0, self._line
        at = haystack.find(needle)
        while at >= 0:
            number += data.count(b"\n", start, at)
            start = data.rfind(b"\n", start, at) + 1 or start
            end = data.find(b"\n", at)
            line = data[start:end]
            if (b"\r" not in line and len(line) <= LONGEST) or self.matcher.matches(text_of(last_state(line).data)):
                self.hits.append(number)
            start, number = end + 1, number + 1
            at = haystack.find(needle, start)
        self._line = number + data.count(b"\n", start)
