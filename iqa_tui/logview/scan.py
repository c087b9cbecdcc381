"""Finds the matching lines of a document in slices, from where the user is, and keeps up as it grows."""

import time
from array import array
from bisect import bisect_left, bisect_right
from typing import Literal

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import Document, last_states
from iqa_tui.logview.matcher import LineMatcher

Direction = Literal[1, -1]

_AT_ONCE = 1 << 16  # bytes between two checks of the clock


class Scan:
    """`hits` are the numbers of the matching lines, ascending, eight bytes each, without an unterminated last line.

    The lines searched so far are always those from `first` to `end`: it begins at a line, searches in `direction`,
    which may be changed, and then the other way. So the hits next to where it began are known at once.
    """

    def __init__(
        self, document: Document, matcher: LineMatcher, start: int | None = None, direction: Direction = -1
    ) -> None:
        self.document = document
        self.matcher = matcher
        self.direction: Direction = direction
        self._start = start  # None: the end
        self._moved = document.moved
        self._begin()

    def _begin(self) -> None:
        self.hits = array("q")
        self.put_before = 0  # the number of hits that were found before others
        self.first = self.end = 0  # numbers of lines
        self._first_offset = self._end_offset = -1  # where these begin; -1: not known yet
        self._generation = self.document.generation

    @property
    def complete(self) -> bool:
        """Whether every terminated line has been searched."""
        return self.first == 0 and self.at_end

    @property
    def at_end(self) -> bool:
        """Whether it has got to the end of the document, as far as lines are terminated."""
        return (
            self._generation == self.document.generation
            and self.document.exact
            and self._end_offset >= self.document.index.line_start
        )

    @property
    def share(self) -> float:
        """The part of the document that has been searched, from 0 to 1."""
        upto = self.document.index.line_start
        return 1.0 if self.complete else (self._end_offset - self._first_offset) / upto if upto else 0.0

    def work(self, seconds: float) -> bool:
        """Search for about `seconds`; returns whether lines are left. Waits until all lines have been counted."""
        if self._generation != self.document.generation:
            self._start, self.direction, self._moved = None, -1, 0
            self._begin()
        if self._end_offset < 0:
            if not self.document.exact or self.document.index.end < self.document.source.size:
                return False
            self._settle()
        until = time.perf_counter() + seconds
        while not self.complete:
            downwards = not self.at_end and (self.direction > 0 or self.first == 0)
            if not (self._search_below() if downwards else self._search_above()):
                return False  # truncated; the next poll will notice
            if time.perf_counter() >= until:
                return not self.complete
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

    def _settle(self) -> None:
        """Find out where to begin."""
        index = self.document.index
        start = index.newlines if self._start is None else self._start + self.document.moved - self._moved
        self.first = self.end = min(max(start, 0), index.newlines)
        at_end = self.first == index.newlines
        self._first_offset = self._end_offset = index.line_start if at_end else self.document.span(self.first)[0]

    def _search_below(self) -> bool:
        upto = self.document.index.line_start
        data = self.document.source.read(self._end_offset, min(_AT_ONCE, upto - self._end_offset))
        cut = data.rfind(b"\n") + 1
        if cut:
            data = data[:cut]
            lines, offset = data.count(b"\n"), self._end_offset + cut
        else:
            if not data or self.end >= self.document.lines:
                return False
            data, _, offset = self._long_line(self.end)
            lines = 1
        self.hits.extend([self.end + k for k in self._matching(data)])
        self.end, self._end_offset = self.end + lines, offset
        return True

    def _search_above(self) -> bool:
        size = min(_AT_ONCE, self._first_offset)
        data = self.document.source.read(self._first_offset - size, size)
        if not data or len(data) < size:
            return False
        cut = data.find(b"\n", 0, size - 1) + 1 if size < self._first_offset else 0
        if cut or size == self._first_offset:
            data = data[cut:]
            lines, offset = data.count(b"\n"), self._first_offset - len(data)
        else:
            data, offset, _ = self._long_line(self.first - 1)
            lines = 1
        if not 0 < lines <= self.first or offset >= self._first_offset or (lines == self.first) != (offset == 0):
            return False
        self.first, self._first_offset = self.first - lines, offset
        found = array("q", [self.first + k for k in self._matching(data)])
        self.put_before += len(found)
        self.hits = found + self.hits
        return True

    def _long_line(self, number: int) -> tuple[bytes, int, int]:
        """What is shown of a line, where it begins, and where the next one does."""
        start, end = self.document.span(number)
        return self.document.between(start, end).data + b"\n", start, end + 1

    def _matching(self, data: bytes) -> list[int]:
        return self.matcher.lines_of(text_of(last_states(data)))
