"""Where the lines of a file are, in eight bytes for each block of it."""

from array import array
from bisect import bisect_right

BLOCK = 1 << 16  # bytes; lines are found by reading one block


class LineIndex:
    """How many line ends come before each block: enough to find any line, and small however many they are.

    Counting is several times as fast as noting where each line begins. An index may begin at any block (`origin`): the
    end of a large file is shown before the rest of it has been counted. Line numbers are then relative to the origin,
    until `put_before` has what came before.
    """

    def __init__(self, origin: int = 0) -> None:
        if origin % BLOCK:
            raise ValueError(f"an index begins at a multiple of {BLOCK}, not at {origin}")
        self.origin = origin
        self.end = origin  # offset up to which bytes have been counted
        self.newlines = 0  # from origin to end
        self.line_start = origin  # offset of the last line, the one that has no end yet
        self._before = array("q", [0])  # newlines from origin to the start of each block

    @property
    def lines(self) -> int:
        """How many lines there are, an unterminated last one included."""
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

    def newlines_before(self, offset: int) -> tuple[int, int]:
        """Offset of the block that `offset` lies in, and how many line ends come before that block."""
        k = (offset - self.origin) // BLOCK
        return self.origin + k * BLOCK, self._before[k]
