"""Opens files in folders that other users may write to: regular files only, without waiting or following links.

A FIFO, a device or a link in place of a file is an error that names it; it never blocks, and never leads elsewhere.
"""

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # O_NONBLOCK: opening a FIFO that has no other end does not block
_LEFTOVER = r"\.{}\.[0-9a-f]+\.(tmp|part)"
_YOUNG = 60.0  # seconds for which a temporary file is left alone, even if it is not locked

_Read = TypeVar("_Read")

_KINDS = {stat.S_ISDIR: "a folder", stat.S_ISLNK: "a link", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}


class NotRegularError(OSError):
    """Something other than a regular file is there."""


def real_path(path: Path) -> Path:
    """`path`, absolute and without links. For a loop of links, where `Path.resolve` raises, the path itself."""
    return Path(os.path.realpath(path))


def open_regular(path: Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, follow: bool = False) -> int:
    """`os.open` of a regular file; `follow` lets `path` itself be a link to one. Raises NotRegularError or OSError."""
    try:
        descriptor = os.open(path, flags | _FLAGS | (0 if follow else os.O_NOFOLLOW), mode)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR} and os.path.lexists(path):
            raise _not_regular(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return descriptor


def unless_stale(read: Callable[[], _Read], tries: int = 5) -> _Read:
    """What `read` returns, which opens a file and reads it; again if it was replaced in between.

    On NFS, what another host replaces may be gone from the server while it is open here (ESTALE).
    """
    for left in reversed(range(tries)):
        try:
            return read()
        except OSError as error:
            if error.errno != errno.ESTALE or not left:
                raise
            time.sleep(0.01)
    raise AssertionError


def require_regular(path: Path) -> None:
    """Raise NotRegularError if something other than a file exists there, such as a link; it need not be readable."""
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise _not_regular(path)


def open_temporary(beside: Path, suffix: str = "tmp", mode: int = 0o666) -> tuple[int, Path]:
    """Create a file beside another, for its next content. Its name cannot be guessed; it is locked while it is open."""
    path = beside.with_name(f".{beside.name}.{os.urandom(8).hex()}.{suffix}")
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor, path


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove temporary files that killed writers of the file `name`, or of any file, left in `folder`.

    Only files of this user that no living process has locked. Omit `name` only for folders of this program's own.
    """
    leftover = re.compile(_LEFTOVER.format(".+" if name is None else re.escape(name)))
    with suppress(OSError):
        found = [folder / entry.name for entry in os.scandir(folder) if leftover.fullmatch(entry.name)]
        if found:
            os.utime(folder)  # the clock of the file server, which dates its files
            now = folder.stat().st_mtime
            for path in found:
                with suppress(OSError):
                    _sweep_one(path, now)


def _sweep_one(path: Path, now: float) -> None:
    descriptor = open_regular(path)
    try:
        about = os.fstat(descriptor)
        if about.st_uid != os.geteuid() or now - about.st_mtime < _YOUNG:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _not_regular(path: Path) -> NotRegularError:
    mode = os.lstat(path).st_mode
    kind = next((words for is_one, words in _KINDS.items() if is_one(mode)), "a device")
    return NotRegularError(errno.EINVAL, f"it is {kind}, not a file; remove it", str(path))
