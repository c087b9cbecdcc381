"""What a terminal shows of a run: its log, copied as it grows, and under it one live line of progress."""

import errno
import sys
from typing import TextIO

from tqdm import tqdm

from iqa_train.errors import visible
from iqa_train.files import LineFollower
from iqa_train.runner.running_attempt import RunningAttempt
from iqa_train.terminal import log_tab_stops, log_text, raw


class Follower:
    """Call it often with the started run. The bar is drawn on a terminal only; the log has lines of its own."""

    def __init__(self, out: TextIO | None = None, bar: TextIO | None = None) -> None:
        self._out = raw(out or sys.stdout)
        self._bar_file = raw(bar or sys.stderr)
        self._log: LineFollower | None = None
        self._stops = log_tab_stops()
        self._metrics: LineFollower | None = None
        self._bar: tqdm[None] | None = None
        self._stage: tuple[str, int] = ("", 0)

    def __call__(self, started: RunningAttempt) -> None:
        """Copy what is new, and move the bar. A terminal that has just gone is no reason to fail."""
        try:
            self._show(started)
        except OSError as error:
            if error.errno != errno.EIO:
                raise

    def _show(self, started: RunningAttempt) -> None:
        if self._log is None or self._metrics is None:
            self._log, self._metrics = LineFollower(started.log), LineFollower(started.attempt.metrics)
        lines = self._log.new_text()
        if lines:
            self._clear()
            self._out.write(log_text(lines, self._stops) if self._out.isatty() else lines)
            self._out.flush()
        if self._bar_file.isatty():
            for event in self._metrics.new_events():
                if event.get("event") == "progress":
                    self._move(event["stage"], event["epoch"], event["done"], event["total"], event["unit"])
                else:
                    self._clear()

    def close(self) -> None:
        """Take the bar away."""
        self._clear()

    def _move(self, stage: str, epoch: int, done: int, total: int, unit: str) -> None:
        if self._bar is None or self._stage != (stage, epoch):
            self._clear()
            label = f"epoch {epoch} {stage}" if epoch else stage
            self._stage = (stage, epoch)
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=visible(label),
                unit=f" {visible(unit)}",
                file=self._bar_file,
                leave=False,
                dynamic_ncols=True,
            )
        self._bar.n = done
        self._bar.refresh()

    def _clear(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
