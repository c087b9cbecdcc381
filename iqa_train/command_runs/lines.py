"""Follows a file that a program writes to: whole lines, however large the file and whatever the bytes."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from iqa_train.regular import NotRegularError, open_regular

_BLOCK = 1 << 20
_AT_ONCE = 16 * _BLOCK  # bytes in one call, so that a flood of output does not delay a stop
_LONGEST = 4096  # bytes of a line that are kept: a pattern is for lines that people read
EVENT = 1 << 16
"""Bytes of a line that are kept of a file of events."""
_END = re.compile(rb"[\r\n]")  # a progress bar returns to the start of its line


class LineTail:
    """The lines that are appended to an open file, or to one that does not exist yet; they end at CR, LF or both."""

    def __init__(self, path: Path | None = None, descriptor: int | None = None, longest: int = _LONGEST) -> None:
        self._path, self._descriptor, self._longest = path, descriptor, longest
        self._offset = 0 if descriptor is None else os.fstat(descriptor).st_size
        self._rest = b""

    def lines(self, *, last: bool = False) -> Iterator[str]:
        """Those that have come since the last call, of a flood the first; with `last` all, also one that has no end."""
        end = self._offset + self._available() if last else self._offset + _AT_ONCE
        while self._offset < end and (data := self._read()):
            *whole, rest = _END.split(self._rest + data)
            self._rest = rest[: self._longest]
            yield from (line[: self._longest].decode(errors="replace") for line in whole if line)
        if last and self._rest:
            yield self._rest.decode(errors="replace")
            self._rest = b""

    def _available(self) -> int:
        """Bytes that are there to be read; more may come, from what the program left behind."""
        return 0 if not self._is_open() else self._size() - self._offset

    def _size(self) -> int:
        assert self._descriptor is not None
        return os.fstat(self._descriptor).st_size

    def _is_open(self) -> bool:
        if self._descriptor is None and self._path is not None:
            with contextlib.suppress(FileNotFoundError, NotRegularError):
                self._descriptor = open_regular(self._path, follow=True)
        return self._descriptor is not None

    def _read(self) -> bytes:
        if not self._is_open():
            return b""
        assert self._descriptor is not None
        data = os.pread(self._descriptor, _BLOCK, self._offset)
        self._offset += len(data)
        return data
