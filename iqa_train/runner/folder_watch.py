"""Notices that the folder a process works in was moved, deleted or unmounted."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


@dataclass(frozen=True)
class FolderWatch:
    """Compares `lock`, a file in the folder, with the open `descriptor` of it."""

    lock: Path
    descriptor: int

    def gone(self) -> bool:
        """Whether another file or none is there now. A server that does not answer may come back: not gone."""
        try:
            there = self.lock.stat(follow_symlinks=False)
        except OSError as error:
            return error.errno in _GONE
        return not os.path.samestat(there, os.fstat(self.descriptor))


def gone_words(folder: Path) -> str:
    """A clause that says so of a folder."""
    return f"{folder} is gone: it was moved, deleted or unmounted"
