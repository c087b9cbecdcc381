"""Handles INT, TERM and HUP in a runner: requests to stop are counted, and a closed terminal stops nothing."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequests:
    """Counts requests to stop."""

    requested = 0


@contextmanager
def stop_signals() -> Iterator[StopRequests]:
    """Handle INT, TERM and HUP within the block; afterwards the handlers are as before."""
    stopping = StopRequests()

    def ask(_number: int, _frame: object) -> None:
        stopping.requested += 1

    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]  # False once closed

    def outlive(_number: int, _frame: object) -> None:
        """The terminal has closed: the run continues without output."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in terminals:
            os.dup2(nowhere, terminal)

    handlers = {signal.SIGINT: ask, signal.SIGTERM: ask, signal.SIGHUP: outlive}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
