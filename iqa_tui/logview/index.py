"""Locates the lines of a file with eight bytes for each block."""

from array import array
from bisect import bisect_right

BLOCK = 1 << 16  # bytes; lines are found by reading one block


class LineIndex:
    """The number of line ends before each block: enough to find any line, and small for any number of lines.

    Counting is several times faster than recording where each line begins. An index may begin at any block (`origin`),
    so that the end of a large file is shown before the rest is counted. Line numbers are then relative to the origin,
    until `put_before` adds what comes before.
    """

    def __init__(self, origin: int = 0) -> None:
        if origin % BLOCK:
            raise ValueError(f"an index begins at a multiple of {BLOCK}, not at {origin}")
        self.origin = origin
        self.end = origin  # offset up to which bytes have been counted
        self.newlines = 0  # from origin to end
        self.line_start = origin  # offset of the last line, which is not terminated yet
        self._before = array("q", [0])  # newlines from origin to the start of each block

    @property
    def lines(self) -> int:
        """The number of lines, including an unterminated last one."""
        return self.newlines + (self.end > self.line_start)

    def feed(self, data: bytes) -> None:
        """Count the bytes that follow `end`."""
        at = 0
        while at < len(data):
            upto = min(at + BLOCK - self.end % BLOCK, len(data))
            self.newlines += data.count(b"\n", at, upto)
            self.end += upto - at
            at = upto
            if self.end % BLOCK == 0:
                self._before.append(self.newlines)
        last = data.rfind(b"\n")
        if last >= 0:
            self.line_start = self.end - len(data) + last + 1

    def put_before(self, head: "LineIndex") -> None:
        """Join the index of everything before `origin`; line numbers grow by `head.newlines`."""
        if head.origin or head.end != self.origin:
            raise ValueError(f"[{head.origin}, {head.end}) is not what comes before {self.origin}")
        joined = head._before[:-1]
        joined.extend(head.newlines + count for count in self._before)
        if self.line_start == self.origin and self.newlines == 0:
            self.line_start = head.line_start
        self._before = joined
        self.newlines += head.newlines
        self.origin = 0

    def block_of(self, newline: int) -> tuple[int, int]:
        """Offset of the block that holds line end number `newline` (from 0), and its number within that block."""
        if not 0 <= newline < self.newlines:
            raise IndexError(newline)
        k = bisect_right(self._before, newline) - 1
        return self.origin + k * BLOCK, newline - self._before[k]
