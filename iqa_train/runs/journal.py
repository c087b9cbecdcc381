"""What a worker reports: lines for people on its standard output (the log), events for programs in metrics.jsonl."""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from iqa_train.files import append_line, readable
from iqa_train.timestamp import utc_timestamp

_EVENT_EVERY = 1.0  # seconds between two progress events
_LINE_EVERY = 30.0  # seconds between two progress lines in the log


class Stopped(Exception):  # noqa: N818 (an event, not an error)
    """The worker was asked to stop; its progress is in the checkpoint."""


class ProgressReporter(Protocol):
    """Receives lines and progress; `progress` and `check_stop` raise to end the work."""

    def say(self, *lines: str) -> None:
        """Lines for people."""

    def progress(self, stage: str, epoch: int, done: int, total: int, unit: str = "crops") -> None:
        """`done` of `total` of a stage."""

    def check_stop(self) -> None:
        """Raise if the work is to end; for stretches without progress."""


class WaitNotice:
    """Called while waiting for another process: says so once, and checks each time whether to stop."""

    def __init__(self, reporter: ProgressReporter, name: str) -> None:
        self._reporter = reporter
        self._name = name
        self._said = False

    def __call__(self) -> None:
        if not self._said:
            self._reporter.say(f"waiting for another process that reads or makes the pixels of {self._name}")
        self._said = True
        self._reporter.check_stop()


class Journal:
    """Writes both. `stopping` is called at every progress report, which raises Stopped when it returns true.

    `check` is called before every event but the end, and may raise.
    """

    def __init__(
        self, metrics: Path, stopping: Callable[[], bool] = lambda: False, check: Callable[[], None] = lambda: None
    ) -> None:
        self._metrics = metrics
        self._stopping = stopping
        self._check = check
        self._last_event = self._last_line = -float("inf")
        self._stage = ("", 0)
        self._stage_start = (0.0, 0)

    def say(self, *lines: str) -> None:
        """Lines in the log."""
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def event(self, event: str, **fields: object) -> None:
        """A line in metrics.jsonl; floats that are not finite become null, and characters that JSON lacks escapes."""
        if event != "end":
            self._check()
        now = utc_timestamp()
        append_line(self._metrics, {"event": event, "time": now, **{k: _clean(v) for k, v in fields.items()}})

    def progress(self, stage: str, epoch: int, done: int, total: int, unit: str = "crops", first: int = 0) -> None:
        """`done` of `total` of a stage, `first` of which an earlier attempt did. Cheap enough for every batch."""
        now = time.monotonic()
        if self._stage != (stage, epoch):
            self._stage, self._stage_start = (stage, epoch), (now, max(first, done))
            self._last_line = now
        started, done_before = self._stage_start
        rate = (done - done_before) / (now - started) if now > started else None
        if now - self._last_event >= _EVENT_EVERY or done == total:
            self._last_event = now
            rounded = None if rate is None else round(rate, 1)
            self.event("progress", stage=stage, epoch=epoch, done=done, total=total, unit=unit, rate=rounded)
        if now - self._last_line >= _LINE_EVERY and done < total and rate is not None:
            self._last_line = now
            where = f"epoch {epoch} {stage}" if epoch else stage
            left = (total - done) / max(rate, 1e-9)
            self.say(
                f"  {where}: {done}/{total} {unit} ({100 * done // total} %), {rate:.0f} {unit}/s, {left:.0f} s left"
            )
        self.check_stop()

    def check_stop(self) -> None:
        """Raise Stopped if the worker has been asked to stop."""
        if self._stopping():
            raise Stopped


def _clean(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return readable(value) if isinstance(value, str) else value
