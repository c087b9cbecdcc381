"""The lines of a file, which may be huge and may change while it is shown."""

import re
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from iqa_tui.logview.index import BLOCK, LineIndex
from iqa_tui.logview.source import Source

TAIL = 16 * BLOCK  # bytes indexed at once when a file is opened: its end is shown before the rest is indexed
LONGEST = 1 << 14  # bytes of a line that are shown
_LAST_STATE = 1 << 16  # bytes at the end of a long line that are searched for a carriage return
_AT_ONCE = 4 * BLOCK  # bytes counted between two checks of the clock
_BLOCKS = 8  # kept in memory: half a megabyte
_NEWLINE = re.compile(b"\n")


class Block(NamedTuple):
    """Bytes, and the positions of line ends within them."""

    data: bytes
    ends: "array[int]"


class Blocks:
    """A cache of recently read blocks, so that all lines of a block cost one read."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._cache: dict[int, Block] = {}

    def at(self, offset: int, least: int) -> Block:
        """The block that begins at `offset`, with at least `least` bytes if the file still has them."""
        block = self._cache.pop(offset, None)
        if block is None or len(block.data) < least:
            data = self._read(offset, BLOCK)
            block = Block(data, array("i", [match.start() for match in _NEWLINE.finditer(data)]))
        self._cache[offset] = block  # moved to the end: the first is the least recently used
        if len(self._cache) > _BLOCKS:
            del self._cache[next(iter(self._cache))]
        return block

    def forget(self) -> None:
        """Drop all blocks: the file has changed."""
        self._cache.clear()


class Line(NamedTuple):
    """What is shown of a line: its last state, and the number of bytes left out after it."""

    data: bytes
    hidden: int


class Document:
    """Lines by number, from 0. `poll` notices changes, `work` counts lines in slices until `exact`.

    Until it is exact, numbers count from the tail that was read first; `moved` is the number of lines put before it.
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
        """The number of lines counted so far, including an unterminated last one."""
        return self.index.lines

    def poll(self) -> bool:
        """Check the file for changes. If `generation` has changed, all line numbers are void."""
        changed = self.source.check()
        if self.source.generation != self.generation:
            self._begin()
        return changed

    def work(self, seconds: float) -> bool:
        """Count lines for about `seconds`, the end of the file first; returns whether there is more to count."""
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
        """Offsets of the start and end of line `number`, without its line end."""
        if not 0 <= number < self.lines:
            raise IndexError(number)
        start = self.index.origin if number == 0 else self._end_of(number - 1) + 1
        return start, self._end_of(number) if number < self.index.newlines else self.index.end

    def _end_of(self, newline: int) -> int:
        offset, k = self.index.block_of(newline)
        ends = self._blocks.at(offset, min(BLOCK, self.index.end - offset)).ends
        return offset + (ends[k] if k < len(ends) else 0)  # the file was truncated since the last poll

    def line(self, number: int) -> Line:
        """What is shown of line `number`."""
        return self.between(*self.span(number))

    def between(self, start: int, end: int) -> Line:
        """What is shown of the line between two offsets: the last state of a progress bar, the start of 10 MB."""
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
    """What a terminal finally shows of a line with carriage returns: the part after the last one."""
    if b"\r" in data:
        data = data.rstrip(b"\r")
        data = data[data.rfind(b"\r") + 1 :]
    return Line(data[:LONGEST], max(0, len(data) - LONGEST))


def last_states(data: bytes) -> bytes:
    """`last_state` of each of several lines; the last one ends with a line end."""
    at = 0
    while b"\r" not in data and at + LONGEST < len(data):
        end = data.rfind(b"\n", at, at + LONGEST + 1)
        if end < 0:
            break
        at = end + 1
    else:
        if b"\r" not in data:
            return data
    return b"\n".join([last_state(line).data for line in data.split(b"\n")])
