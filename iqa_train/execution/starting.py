"""Processes that the system refuses to start: said as what it is, before anything of it is written down."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from iqa_train.errors import RunError

_HINTS = {
    errno.EAGAIN: "this user has as many processes as it may (ulimit -u)",
    errno.ENOMEM: "the memory is used up",
    errno.EMFILE: "this process has as many files open as it may (ulimit -n)",
    errno.ENFILE: "this host has as many files open as it can",
}


class RefusedError(RunError):
    """No process could be started."""


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Within the block a process is started. Raises RefusedError where the system has no room for one."""
    try:
        yield
    except OSError as error:
        if error.errno not in _HINTS:
            raise
        raise RefusedError(f"{what} could not be started: {error.strerror}; {_HINTS[error.errno]}") from None
