"""A log file as it is on disk now: growing, cut short, replaced, deleted, not there yet, or not ours to read."""

import os
import stat
from pathlib import Path

_SAMPLE = 64  # bytes before the known end that must still be there, or the file has been written anew
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # never wait for the writer of a FIFO


class Source:
    """An open file that is looked at by `check`, which asks for its size: NFS has no inotify.

    Reading is by `pread` and never by a memory map, which would kill the process where a file is cut short under it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes, at the last check
        self.generation = 0  # another number: what was known of the content holds no more
        self.trouble: str | None = None  # what is wrong now
        self.event: str | None = None  # what happened at the last check
        self._file: int | None = None
        self._identity = (0, 0)
        self._changed = 0  # modification time, ns
        self._sample = b""

    def check(self) -> bool:
        """Look at the file, and say whether there is anything new. Never raises for what a file may do."""
        before = (self.size, self.generation, self.trouble)
        self.event = None
        try:
            self._look()
        except OSError as error:
            self._lose(f"cannot be read: {error.strerror or error}")
        return before != (self.size, self.generation, self.trouble)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer where the file ends sooner, none where it cannot be read."""
        if self._file is None:
            return b""
        try:
            return os.pread(self._file, length, offset)
        except OSError as error:
            self._lose(f"cannot be read: {error.strerror or error}")
            return b""

    def close(self) -> None:
        """Let go of the file; `check` would open it again."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _look(self) -> None:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            self.trouble = "waiting for the file" if self._file is None else "deleted; shown as it was"
            if self._file is not None:
                self._measure()
            return
        if self._file is None or (there.st_dev, there.st_ino) != self._identity:
            self._open()
        self.trouble = None
        self._measure()

    def _open(self) -> None:
        file = os.open(self.path, _FLAGS)
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            os.close(file)
            raise OSError("not a regular file")
        if self._file is not None:
            self.event = "replaced by a new file"
            self.close()
        self._file, self._identity = file, (about.st_dev, about.st_ino)
        self._begin_anew()

    def _measure(self) -> None:
        assert self._file is not None
        about = os.fstat(self._file)
        if about.st_size == self.size and about.st_mtime_ns == self._changed:
            return
        if about.st_size < self.size:
            self.event = "truncated"
            self._begin_anew()
        elif self._sample and os.pread(self._file, len(self._sample), self.size - len(self._sample)) != self._sample:
            self.event = "truncated and written anew"
            self._begin_anew()
        self._changed = about.st_mtime_ns
        if about.st_size != self.size:
            self.size = about.st_size
            start = max(0, self.size - _SAMPLE)
            self._sample = os.pread(self._file, self.size - start, start)

    def _begin_anew(self) -> None:
        self.generation += 1
        self.size, self._changed, self._sample = 0, 0, b""

    def _lose(self, trouble: str) -> None:
        if self._file is not None:
            self.close()
            self._begin_anew()
        self._identity = (0, 0)
        self.trouble = trouble
