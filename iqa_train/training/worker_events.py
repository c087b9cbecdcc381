"""The protocol of one-off workers (test, predict): a request on stdin, events as JSON lines on stdout."""

import json
import sys
import time
from typing import Any

from iqa_train.errors import RunError
from iqa_train.handed import require_handed

_EVERY = 0.2  # seconds between two progress events


class Events:
    """Writes events for the calling process; if that has gone, BrokenPipeError ends the work."""

    def __init__(self) -> None:
        """Keep standard output for events: what a study's own code prints goes to standard error from now on."""
        self._out, sys.stdout = sys.stdout, sys.stderr
        self._last = -float("inf")

    def event(self, event: str, **fields: object) -> None:
        """One line."""
        self._out.write(json.dumps({"event": event, **fields}, allow_nan=False) + "\n")
        self._out.flush()

    def say(self, *lines: str) -> None:
        """Lines for people."""
        for line in lines:
            self.event("say", line=line)

    def progress(self, stage: str, epoch: int, done: int, total: int, unit: str = "crops") -> None:
        """`done` of `total` of a stage, at most five times a second."""
        del epoch
        now = time.monotonic()
        if now - self._last >= _EVERY or done == total:
            self._last = now
            self.event("progress", stage=stage, done=done, total=total, unit=unit)

    def check_stop(self) -> None:
        """Nothing to do: TERM ends this worker at once, and its files are written whole or not at all."""


def read_request() -> dict[str, Any]:
    """The request on standard input. Exits if the process lacks what its caller should have handed it."""
    try:
        require_handed()
    except RunError as error:
        sys.exit(f"iqa-train: {error}")
    request: dict[str, Any] = json.load(sys.stdin)
    return request
