"""Lets Slurm catch up with the queue while the console is open, in a thread: a controller may take half a minute."""

import threading
from contextlib import suppress
from pathlib import Path

from iqa_train.errors import UserError
from iqa_train.scheduler.slurm import attend_slurm


class SlurmKeeper:
    """At most one thread at a time; costs a look at the disk where nothing was submitted."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Reconcile, unless that is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._attend, name="slurm", daemon=True)
            with suppress(RuntimeError):  # no room for a thread: the next look tries again
                self._thread.start()

    def _attend(self) -> None:
        with suppress(UserError, OSError):  # the queue's own reader says what is wrong
            attend_slurm(self._runs_dir)
