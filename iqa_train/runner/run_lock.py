"""The lock of a run: one attempt at a time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iqa_train.errors import RunError
from iqa_train.locks import intruder, lock_now, open_lock
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import RunState, run_state

_PATIENCE = 1.0  # seconds: a killed process takes a moment to die, and who asks for a state holds its lock for one


class AlreadyRunningError(RunError):
    """Another process made or is making this attempt."""


@contextmanager
def run_lock(run: RunFolder, attempt: int | None, still_wanted: Callable[[], bool]) -> Iterator[int]:
    """The run's lock as a descriptor to hand on.

    `attempt` is the number that the next attempt must have, None for any; `still_wanted` is asked once the lock is
    held. Raises AlreadyRunningError if a living process holds it, or where either says that the attempt is not due.
    """
    descriptor = open_lock(run.lock)
    try:
        require_idle(run)
        if not lock_now(descriptor, patience=_PATIENCE):
            if (stranger := intruder(run.lock)) is not None:
                raise RunError(f"{run.lock} is held by {stranger}, who may only read it; end that process")
            raise AlreadyRunningError(_taken(run, run_state(run)))
        if attempt is not None and run.next_attempt().number != attempt:
            raise AlreadyRunningError(f"attempt {attempt} of {run.path} has been made by another runner")
        if not still_wanted():
            raise AlreadyRunningError(f"{run.path} has been removed from the queue")
        yield descriptor
    finally:
        os.close(descriptor)


def require_idle(run: RunFolder) -> None:
    """Raise AlreadyRunningError if the run is alive: here, or on another host, where this host's locks do not reach."""
    deadline = time.monotonic() + _PATIENCE
    while (state := run_state(run)).alive:
        if time.monotonic() > deadline:
            raise AlreadyRunningError(_taken(run, state))
        time.sleep(0.05)


def _taken(run: RunFolder, state: RunState) -> str:
    attempts = run.attempts()
    where = f" {state.reason}" if state.elsewhere else ""
    see = f" (see {attempts[-1].runner})" if attempts else ""
    return f"{run.experiment} with these settings is running already{where}{see}; wait for it or stop it"
