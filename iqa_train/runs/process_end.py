"""Waits for the end of a child process without looking for it all the time."""

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ending_within(pid: int) -> Iterator[Callable[[float], None]]:
    """A function that waits for some seconds, or until the process ends."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # kernels before 5.3
        yield time.sleep
        return
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)

    def wait(seconds: float) -> None:
        poller.poll(seconds * 1000)

    try:
        yield wait
    finally:
        os.close(descriptor)
