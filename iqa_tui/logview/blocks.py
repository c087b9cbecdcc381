"""The last few blocks read of a file, with the places of their line ends."""

import re
from array import array
from collections.abc import Callable
from typing import NamedTuple

from iqa_tui.logview.index import BLOCK

_KEPT = 8  # half a megabyte
_NEWLINES = re.compile(b"\n")


class Block(NamedTuple):
    """Bytes and where, within them, lines end."""

    data: bytes
    ends: "array[int]"


class Blocks:
    """`read` once for all the lines of a block."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._kept: dict[int, Block] = {}

    def at(self, offset: int, least: int) -> Block:
        """The block that begins at `offset`, with at least `least` bytes where the file still has them."""
        block = self._kept.pop(offset, None)
        if block is None or len(block.data) < least:
            data = self._read(offset, BLOCK)
            block = Block(data, array("i", [found.start() for found in _NEWLINES.finditer(data)]))
        self._kept[offset] = block  # last: the first are the ones longest unused
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return block

    def forget(self) -> None:
        """Nothing read so far holds any more."""
        self._kept.clear()
