"""Names the reason when the system refuses to start a process."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from iqa_train.errors import RunError

_HINTS = {
    errno.EAGAIN: "this user has as many processes as it may (ulimit -u)",
    errno.ENOMEM: "the memory is used up",
    errno.EMFILE: "this process has as many files open as it may (ulimit -n)",
    errno.ENFILE: "this host has as many files open as it can",
}


NO_THREADS = "no new thread could be started: this user has as many processes as it may (ulimit -u)"


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


def may_start_threads(count: int = 1) -> bool:
    """Whether so many threads can be started at the same time."""
    enough = threading.Event()
    started = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=enough.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        return False
    finally:
        enough.set()
        for thread in started:
            thread.join()
    return True
