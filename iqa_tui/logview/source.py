"""A log file on disk, which may grow, be truncated, replaced or deleted, be missing or unreadable."""

import os
import stat
from pathlib import Path

_SAMPLE = 64  # bytes before the known end: if they change, the file was rewritten
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # does not block on a FIFO


class Source:
    """An open file; `check` polls its size, since NFS has no inotify.

    Reads with `pread`, since a memory map would kill the process if the file were truncated.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes, at the last check
        self.generation = 0  # changes when earlier content is no longer valid
        self.problem: str | None = None  # what is wrong now
        self.event: str | None = None  # what happened at the last check
        self._file: int | None = None
        self._identity = (0, 0)
        self._changed = 0  # modification time, ns
        self._sample = b""

    def check(self) -> bool:
        """Check the file; returns whether anything changed. Never raises because of the file."""
        before = (self.size, self.generation, self.problem)
        self.event = None
        try:
            self._refresh()
        except OSError as error:
            self._lose(f"cannot be read: {error.strerror or error}")
        return before != (self.size, self.generation, self.problem)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer at the end of the file, none if it cannot be read."""
        if self._file is None:
            return b""
        try:
            return os.pread(self._file, length, offset)
        except OSError as error:
            self._lose(f"cannot be read: {error.strerror or error}")
            return b""

    def close(self) -> None:
        """Close the file; `check` opens it again."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self.problem = "waiting for the file" if self._file is None else "deleted; showing its last content"
            if self._file is not None:
                self._measure()
            return
        if self._file is None or (status.st_dev, status.st_ino) != self._identity:
            self._open()
        self.problem = None
        self._measure()

    def _open(self) -> None:
        file = os.open(self.path, _FLAGS)
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise OSError("not a regular file")
        if self._file is not None:
            self.event = "replaced by a new file"
            self.close()
        self._file, self._identity = file, (status.st_dev, status.st_ino)
        self._restart()

    def _measure(self) -> None:
        assert self._file is not None
        status = os.fstat(self._file)
        if status.st_size == self.size and status.st_mtime_ns == self._changed:
            return
        if status.st_size < self.size:
            self.event = "truncated"
            self._restart()
        elif self._sample and os.pread(self._file, len(self._sample), self.size - len(self._sample)) != self._sample:
            self.event = "truncated and rewritten"
            self._restart()
        self._changed = status.st_mtime_ns
        if status.st_size != self.size:
            self.size = status.st_size
            start = max(0, self.size - _SAMPLE)
            self._sample = os.pread(self._file, self.size - start, start)

    def _restart(self) -> None:
        self.generation += 1
        self.size, self._changed, self._sample = 0, 0, b""

    def _lose(self, problem: str) -> None:
        if self._file is not None:
            self.close()
            self._restart()
        self._identity = (0, 0)
        self.problem = problem
