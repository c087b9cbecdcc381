"""The clock of this host, and the times of the files."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.state_files import mtime
from iqa_train.doctor.system_command import ask
from iqa_train.runs.layout import QueueFiles, run_folders
from iqa_train.text import join_names, plural

CLOCK_TOLERANCE = 5.0
"""Seconds by which file times and this host's clock may differ."""


def check_clock(runs_dir: Path) -> Iterator[Checkup]:
    """Whether the clock is synchronised, agrees with the disk of the runs, and no state file is of the future."""
    synchronised = ask("timedatectl", "show", "--property=NTPSynchronized").strip().partition("=")[2]
    wrong = synchronised == "no"
    if wrong:
        message = "the clock of this host is not synchronised; times of runs and hosts may differ"
        yield Checkup("clock", "warning", message, "`timedatectl set-ntp true`, or ask the administrator")
    skew = _skew(runs_dir)
    if skew is not None and abs(skew) > CLOCK_TOLERANCE:
        wrong = True
        side = "ahead of" if skew > 0 else "behind"
        message = f"times of files in {runs_dir} are {abs(skew):.0f} s {side} this host's clock"
        yield Checkup("clock", "warning", message, "set the clock of this host or of the file server")
    future = [str(path) for path in _state_files(runs_dir) if mtime(path) > time.time() + CLOCK_TOLERANCE]
    if future:
        wrong = True
        message = f"{plural(len(future), 'file')} written in the future: {join_names(future, most=3)}"
        yield Checkup("clock", "warning", message, "a clock was, or is, wrong; touch them once it is right")
    if not wrong:
        summary = "synchronised" if synchronised == "yes" else "whether it is synchronised could not be determined"
        yield Checkup("clock", "ok", summary + ("" if skew is None else "; file times agree with it"))


def _skew(runs_dir: Path) -> float | None:
    """Seconds by which a file written now is ahead of this host's clock."""
    try:
        with tempfile.TemporaryFile(dir=runs_dir) as file:
            file.write(b"0")
            file.flush()
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return None


def _state_files(runs_dir: Path) -> Iterator[Path]:
    """The queue's, and those that each run's last attempt writes."""
    files = QueueFiles(runs_dir)
    yield from (files.queue, files.scheduler)
    for run in run_folders(runs_dir):
        yield run.result
        try:
            attempts = run.attempts()
        except OSError:
            continue
        for attempt in attempts[-1:]:
            yield from (attempt.runner, attempt.heartbeat, attempt.metrics, attempt.exit)
