"""Locks on files and folders: held until the process ends; a waiting process says which one holds it.

flock shows whether a process is alive on this host. On network file systems it may end at the host, do nothing,
or fail; so what must exclude processes of every host (`locked`, `locked_folder`) takes a `ticket`, too. It does so on
every file system: what is a local disk here may be exported to other hosts, whose locks on it are others.
"""

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
from iqa_train.ticket import Ticket

_POLL = 0.2
_FIRST_POLL = 0.002  # of a ticket; most are held for a moment
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
_SAY_AFTER = 3.0  # seconds of waiting for a lock before its holder is named
_GIVE_UP_AFTER = 30.0


class LockedError(RunError):
    """A lock that another process does not release, or has taken over."""


class Held:
    """A lock that is held."""

    def __init__(self, path: Path, ticket: Ticket) -> None:
        self._path = path
        self._ticket = ticket

    def require(self) -> None:
        """Raise LockedError if the lock was lost: this process was suspended, and one on another host took it over.

        To be called just before what must not be done by two.
        """
        if not self._ticket.renew():
            raise LockedError(
                f"the lock {self._path} was taken over by another process, because this one gave no sign of life; "
                "nothing was changed, try again"
            )


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
) -> Iterator[Held]:
    """Hold an exclusive lock on the file `path`, which is created if missing and never removed.

    With `make_folder`, its folder is created as well. While another process holds the lock, `waiting` is called several
    times a second (and may raise), and after 3 seconds standard error names that process. Raises LockedError after
    30 seconds, or never if `patient`: for locks that are held during long work.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_lock(path, 0o660)  # a user who may read it can hold it
    with _holding(descriptor, path, path, waiting, patient=patient, tidy=patient) as held:
        yield held


@contextmanager
def locked_folder(folder: Path) -> Iterator[Held]:
    """As `locked`, with a lock on a folder, which leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with _holding(descriptor, folder, folder / "folder", lambda: None, patient=False, tidy=True) as held:
        yield held


@contextmanager
def lock_if_free(path: Path, patience: float = 0.0) -> Iterator[bool]:
    """Hold the lock of `locked` if it is free within `patience` seconds; gives whether it was."""
    descriptor, ticket = open_lock(path, 0o660), Ticket(path)
    deadline = time.monotonic() + patience
    try:
        is_free = lock_now(descriptor, patience=patience)
        while is_free and not ticket.take():
            is_free = time.monotonic() < deadline
            time.sleep(_FIRST_POLL)
        with ticket.kept():
            yield is_free
    finally:
        os.close(descriptor)


@contextmanager
def _holding(
    descriptor: int, path: Path, ticketed: Path, waiting: Callable[[], None], *, patient: bool, tidy: bool
) -> Iterator[Held]:
    """Hold the lock on an open file and the ticket of `ticketed`; the file is closed afterwards."""
    ticket = Ticket(ticketed, tidy=tidy)
    try:
        wait = _Wait(path, waiting, patient=patient)
        while not lock_now(descriptor):
            wait.pause(_POLL, lambda: holder_words(path))
        pause = _FIRST_POLL
        while not ticket.take():
            wait.pause(pause, lambda: ticket.holder)
            pause = min(2 * pause, _POLL)
        with ticket.kept():
            yield Held(path, ticket)
    finally:
        ticket.give_back()
        os.close(descriptor)


class _Wait:
    """Waits for a lock, names its holder, and gives up."""

    def __init__(self, path: Path, waiting: Callable[[], None], *, patient: bool) -> None:
        self._path = path
        self._waiting = waiting
        self._patient = patient
        self._began = time.monotonic()
        self._announced = False

    def pause(self, seconds: float, holder: Callable[[], str]) -> None:
        self._waiting()
        waited = time.monotonic() - self._began
        if waited >= _GIVE_UP_AFTER and not self._patient:
            raise LockedError(
                f"the lock {self._path} has been held for {waited:.0f} s by {holder()}; try again when that "
                "process is done, or end it"
            )
        if waited >= _SAY_AFTER and not self._announced:
            self._announced = True
            with suppress(OSError, ValueError):
                sys.stderr.write(f"waiting for the lock {self._path}, held by {holder()}\n")
                sys.stderr.flush()
        time.sleep(seconds)


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


def locks_lie(lock: Path) -> bool:
    """Whether two can hold the lock on this file at once, so that a free lock says nothing."""
    try:
        first, second = open_regular(lock), open_regular(lock)
    except OSError:
        return False
    try:
        return lock_now(first, shared=True) and lock_now(second)
    finally:
        os.close(first)
        os.close(second)


def intruder(lock: Path) -> str | None:
    """The process that holds the lock although it cannot write to the file, in words; None if there is none."""
    holder = lock_holder(lock)
    return None if holder is None or holder.may_write(lock) else str(holder)


def lock_now(descriptor: int, *, shared: bool = False, patience: float = 0.0) -> bool:
    """Try for `patience` seconds to lock an open file. Checking whether it is locked holds the lock for a moment.

    True where the file system has no locks: there, as where they are ignored, other things must tell.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return True
        else:
            return True
