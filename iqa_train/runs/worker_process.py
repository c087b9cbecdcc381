"""What the process of every worker does: its arguments, requests to stop, and how it says that it has ended."""

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from iqa_train.redaction import without_secrets
from iqa_train.runs import outcome
from iqa_train.runs.journal import Journal
from iqa_train.runs.layout import Attempt, RunFolder


def worker_arguments(module: str, argv: Sequence[str] | None) -> tuple[RunFolder, Attempt, bool]:
    """The run, the attempt, and whether to resume, from `RUN_FOLDER ATTEMPT_FOLDER [--resume]`."""
    parser = argparse.ArgumentParser(prog=module)
    parser.add_argument("run", type=Path)
    parser.add_argument("attempt", type=Path)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args(argv)
    return RunFolder(given.run), Attempt(given.attempt), given.resume


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


def failed_io(error: OSError, run: RunFolder) -> tuple[int, str]:
    """The exit code and message of an error of the operating system: a full disk, a vanished run, or a defect."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return outcome.DISK_FULL, f"disk full: {error}; make room and continue with --resume"
    if not run.path.is_dir():  # `unless_gone` reports that, without a traceback
        return outcome.UNEXPECTED, str(error)
    return unexpected(error)


def unless_gone(run: RunFolder, attempt: Attempt, end: tuple[int, str]) -> tuple[int, str]:
    """Exit code and message as given, or those of a run whose folder has vanished."""
    if attempt.folder.is_dir():
        return end
    return outcome.UNEXPECTED, f"{run.path} is gone: it was moved, deleted or unmounted; the run ends"


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
