"""The lines of a file that may be huge and may change while it is looked at."""

import time
from pathlib import Path
from typing import NamedTuple

from iqa_tui.logview.blocks import Blocks
from iqa_tui.logview.index import BLOCK, LineIndex
from iqa_tui.logview.source import Source

TAIL = 16 * BLOCK  # bytes counted at once when a file is opened: the end is shown before the rest is counted
LONGEST = 1 << 14  # bytes of a line that are shown
_LAST_STATE = 1 << 16  # bytes before the end of a long line in which a carriage return is looked for
_AT_ONCE = 4 * BLOCK  # bytes counted between two looks at the clock


class Line(NamedTuple):
    """What is shown of a line: its last state, and how many bytes after that are left out."""

    data: bytes
    hidden: int


class Document:
    """Lines by number, from 0. `poll` sees what changed, `work` counts lines in slices until `exact`.

    Until it is exact, numbers count from the tail that was read first; `moved` is how many lines were put before them.
    """

    def __init__(self, path: Path) -> None:
        self.source = Source(path)
        self._blocks = Blocks(self.source.read)
        self._begin()

    def _begin(self) -> None:
        self.generation = self.source.generation
        self.moved = 0
        self._blocks.forget()
        tail = max(0, self.source.size - TAIL) // BLOCK * BLOCK
        self.index = LineIndex(tail)
        self._head = LineIndex() if tail else None

    @property
    def exact(self) -> bool:
        """Whether line numbers count from the beginning of the file."""
        return self._head is None

    @property
    def lines(self) -> int:
        """Lines known so far, an unterminated last one included."""
        return self.index.lines

    def poll(self) -> bool:
        """Look at the file; whether anything is new. What `generation` says is another: all line numbers are void."""
        news = self.source.check()
        if self.source.generation != self.generation:
            self._begin()
        return news

    def work(self, seconds: float) -> bool:
        """Count lines for about `seconds`, the end of the file first; whether there is more to count."""
        until = time.perf_counter() + seconds
        while True:
            if self.index.end < self.source.size:
                if not self._count(self.index, self.source.size):
                    return False
            elif self._head is not None:
                if not self._count(self._head, self.index.origin):
                    return False
                if self._head.end == self.index.origin:
                    self.index.put_before(self._head)
                    self.moved = self._head.newlines
                    self._head = None
            else:
                return False
            if time.perf_counter() >= until:
                return self.index.end < self.source.size or self._head is not None

    def _count(self, index: LineIndex, upto: int) -> bool:
        data = self.source.read(index.end, min(_AT_ONCE, upto - index.end))
        index.feed(data)
        return bool(data)

    def span(self, number: int) -> tuple[int, int]:
        """Offsets at which line `number` begins and ends, its line end not counted."""
        if not 0 <= number < self.lines:
            raise IndexError(number)
        start = self.index.origin if number == 0 else self._end_of(number - 1) + 1
        return start, self._end_of(number) if number < self.index.newlines else self.index.end

    def _end_of(self, newline: int) -> int:
        offset, k = self.index.block_of(newline)
        ends = self._blocks.at(offset, min(BLOCK, self.index.end - offset)).ends
        return offset + (ends[k] if k < len(ends) else 0)  # a file cut short since the last poll

    def line(self, number: int) -> Line:
        """What is shown of line `number`."""
        return self.shown(*self.span(number))

    def shown(self, start: int, end: int) -> Line:
        """What is shown between these offsets: of a progress bar its last state, of 10 MB the first part."""
        if end - start <= BLOCK:
            return last_state(self._bytes(start, end))
        near = self.source.read(end - _LAST_STATE, _LAST_STATE).rstrip(b"\r\n")
        after = near.rfind(b"\r") + 1
        if after:
            return Line(near[after : after + LONGEST], max(0, len(near) - after - LONGEST))
        return Line(self.source.read(start, LONGEST), end - start - LONGEST)

    def _bytes(self, start: int, end: int) -> bytes:
        offset = start // BLOCK * BLOCK
        first = self._blocks.at(offset, min(BLOCK, self.index.end - offset)).data[start - offset : end - offset]
        if end <= offset + BLOCK:
            return first
        rest = self._blocks.at(offset + BLOCK, min(BLOCK, self.index.end - offset - BLOCK)).data
        return first + rest[: end - offset - BLOCK]


def last_state(data: bytes) -> Line:
    """What a terminal would show at last of a line that carriage returns have written over: what follows the last."""
    if b"\r" in data:
        data = data.rstrip(b"\r")
        data = data[data.rfind(b"\r") + 1 :]
    return Line(data[:LONGEST], max(0, len(data) - LONGEST))
