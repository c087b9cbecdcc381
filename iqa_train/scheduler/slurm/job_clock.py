"""When the time of a job is up: asked of Slurm every minute, since administrators extend limits of running jobs."""

import threading
import time

from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.this_job import ThisJob, ask_about

_EVERY = 60.0
_AFTER_FAILURE = 15.0
_EARLY = 120.0  # seconds that Slurm's own signal may come before the margin: it looks once a minute, and rounds


class JobClock:
    """Asks in a thread of its own: a controller that does not answer delays nothing."""

    def __init__(self, job: ThisJob, margin: float) -> None:
        self._job = job
        self._margin = margin
        self._end: float | None = None  # seconds since 1970
        self._limit: float | None = None  # seconds
        self._known = False
        self._over = threading.Event()
        threading.Thread(target=self._ask, name="end of the job", daemon=True).start()

    def left(self) -> float | None:
        """Seconds until Slurm ends the job; None while that is not known, or never."""
        return None if self._end is None else self._end - time.time()

    def is_near(self) -> bool:
        """Whether the margin before the end has begun: half of the whole time at most."""
        left = self.left()
        return left is not None and left < min(self._margin, (self._limit or self._margin * 2) / 2)

    def may_be_near(self) -> bool:
        """Whether a signal from Slurm now may be its warning of the end."""
        left = self.left()
        return not self._known if left is None else left < self._margin + _EARLY

    def close(self) -> None:
        """Ask no more."""
        self._over.set()

    def _ask(self) -> None:
        while not self._over.is_set():
            pause = _EVERY
            try:
                now = ask_about(self._job)
            except SlurmError:
                pause = _AFTER_FAILURE
            else:
                self._end, self._known = now.end, True
                self._limit = now.end - now.start if now.end is not None and now.start is not None else None
            self._over.wait(pause)
