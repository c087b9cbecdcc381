"""Locks on files and folders: held until the process ends; a waiting process says which one holds it."""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.lockholder import holder_words, lock_holder
from iqa_train.regular import NotRegularError, open_regular

_POLL = 0.2
_SAY_AFTER = 3.0  # seconds of waiting for a lock before its holder is named
_GIVE_UP_AFTER = 30.0


class LockedError(RunError):
    """A lock that another process does not release."""


def open_lock(path: Path, mode: int = 0o664) -> int:
    """Open the file of a lock; it is created if missing, and the umask decides whether a group shares it.

    A file that can only be read can still be locked.
    """
    try:
        return open_regular(path, os.O_RDWR | os.O_CREAT, mode)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        return open_regular(path)


@contextmanager
def locked(
    path: Path, waiting: Callable[[], None] = lambda: None, *, patient: bool = False, make_folder: bool = True
) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is created if missing and never removed.

    With `make_folder`, its folder is created as well. While another process holds the lock, `waiting` is called several
    times a second (and may raise), and after 3 seconds standard error names that process. Raises LockedError after
    30 seconds, or never if `patient`: for locks that are held during long work.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_lock(path, 0o660)  # a user who may read it can hold it
    try:
        _wait_for(descriptor, path, waiting, patient=patient)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """As `locked`, with a lock on a folder, which leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _wait_for(descriptor, folder, lambda: None, patient=False)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, waiting: Callable[[], None], *, patient: bool) -> None:
    began, announced = time.monotonic(), False
    while not lock_now(descriptor):
        waiting()
        waited = time.monotonic() - began
        if waited >= _GIVE_UP_AFTER and not patient:
            raise LockedError(
                f"the lock {path} has been held for {waited:.0f} s by {holder_words(path)}; try again when that "
                "process is done, or end it"
            )
        if waited >= _SAY_AFTER and not announced:
            announced = True
            with suppress(OSError, ValueError):
                sys.stderr.write(f"waiting for the lock {path}, held by {holder_words(path)}\n")
                sys.stderr.flush()
        time.sleep(_POLL)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock on the file `lock`: on this host or, on most network file systems, on any.

    A process whose user can only read the file does not count: it blocks others, but does not do their work.
    """
    try:
        descriptor = open_regular(lock)
    except (FileNotFoundError, NotRegularError):
        return False
    try:
        return not lock_now(descriptor, shared=True) and intruder(lock) is None
    finally:
        os.close(descriptor)


def intruder(lock: Path) -> str | None:
    """The process that holds the lock although it cannot write to the file, in words; None if there is none."""
    holder = lock_holder(lock)
    return None if holder is None or holder.may_write(lock) else str(holder)


def lock_now(descriptor: int, *, shared: bool = False, patience: float = 0.0) -> bool:
    """Try for `patience` seconds to lock an open file. Checking whether it is locked holds the lock for a moment."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
