"""What the workers of errands have in common: a request on standard input, events as JSON lines on standard output."""

import json
import sys
import time
from typing import Any

from iqa_train.errors import RunError
from iqa_train.handed import require_handed

_EVERY = 0.2  # seconds between two events of progress


class Events:
    """Tells the one who sent the worker; a reader that has gone ends the work by BrokenPipeError."""

    def __init__(self) -> None:
        self._last = -float("inf")

    def event(self, event: str, **fields: object) -> None:
        """One line."""
        sys.stdout.write(json.dumps({"event": event, **fields}, allow_nan=False) + "\n")
        sys.stdout.flush()

    def say(self, line: str = "") -> None:
        """A line for people."""
        self.event("say", line=line)

    def progress(self, stage: str, epoch: int, done: int, total: int, unit: str = "crops") -> None:
        """`done` of `total` of a stage, not more often than anybody could see."""
        del epoch
        now = time.monotonic()
        if now - self._last >= _EVERY or done == total:
            self._last = now
            self.event("progress", stage=stage, done=done, total=total, unit=unit)

    def check_stop(self) -> None:
        """TERM ends this worker at once: what it writes is whole or not there."""


def requested() -> dict[str, Any]:
    """What the worker is to do. Ends the process if it does not hold what it was handed."""
    try:
        require_handed()
    except RunError as error:
        sys.exit(f"iqa-train: {error}")
    request: dict[str, Any] = json.load(sys.stdin)
    return request
