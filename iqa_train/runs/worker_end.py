"""How a worker takes a request to stop, and how it says that it has ended."""

import os
import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType

from iqa_train.redaction import without_secrets
from iqa_train.runs import outcome
from iqa_train.runs.journal import Journal


class StopRequest:
    """Set by TERM and INT; the journal asks for it at every progress report."""

    def __init__(self) -> None:
        self.made = False
        signal.signal(signal.SIGTERM, self._make)
        signal.signal(signal.SIGINT, self._make)

    def _make(self, _signal: int, _frame: FrameType | None) -> None:
        self.made = True

    def __call__(self) -> bool:
        return self.made


def unexpected(error: Exception) -> tuple[int, str]:
    """The exit code and message of a defect, whose traceback goes to the log."""
    with suppress(OSError):  # the log's disk may be full
        sys.stderr.write(without_secrets(traceback.format_exc()))
    return outcome.UNEXPECTED, f"{type(error).__name__}: {error}"


def report_end(journal: Journal, code: int, message: str) -> None:
    """Write the end event, then the message to the log. A full disk may lose both; the exit code remains."""
    message = without_secrets(message)
    with suppress(OSError):
        journal.event("end", code=code, message=message)
    with suppress(OSError):
        if message:
            journal.say(message)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python flushes again at exit and would replace the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
