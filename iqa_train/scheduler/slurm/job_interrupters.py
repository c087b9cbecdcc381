"""How a job ends the attempts in it: a line to the runner of each, through a pipe that is also the runner's tie to it.

A runner whose job's process has ended finds the pipe closed, and ends its attempt as well: outside of the job it has
no right to the node.
"""

import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import IO

from iqa_train.runner.interruption import Interruption
from iqa_train.runner.running_attempt import RunningAttempt


def tell(pipe: IO[bytes] | None, interruption: Interruption) -> None:
    """Send it to a runner; one that has ended does not hear it."""
    try:
        if pipe is not None:
            os.write(pipe.fileno(), json.dumps(asdict(interruption)).encode() + b"\n")
    except (OSError, ValueError):
        return


class JobPipe:
    """A runner's end. `job` is how Slurm names the job; `patience`: seconds to wait for why a signal was sent."""

    def __init__(self, descriptor: int, job: str, patience: float) -> None:
        self._descriptor = descriptor
        self._job = job
        self._patience = patience
        self._read = b""
        self._heard: Interruption | None = None

    def interruption(self, started: RunningAttempt | None = None) -> Interruption | None:
        """What the job has said so far; an `Interrupter`."""
        del started
        self._wait(0.0)
        return self._heard

    def why_signalled(self, asked: Callable[[], bool]) -> Interruption | None:
        """Why this runner was sent TERM; None if its run was asked to stop (`asked`).

        Slurm signals every process of a job at once: the job's process finds out why and writes it down.
        """
        if asked():
            return None
        self._wait(self._patience)
        return self._heard or Interruption(f"its runner was sent TERM in job {self._job}")

    def _wait(self, seconds: float) -> None:
        """Read until there is a whole line or an end, for at most so long."""
        deadline = time.monotonic() + seconds
        while self._heard is None:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return
            data = os.read(self._descriptor, 1 << 16)
            self._read += data
            line, newline, _ = self._read.partition(b"\n")
            if newline:
                self._heard = Interruption(**json.loads(line))
            elif not data:
                self._heard = Interruption(f"the process of job {self._job} has ended")
