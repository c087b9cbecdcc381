"""The lock of a run: one attempt at a time.

On one host the lock decides. Between hosts it may lie, or be held by a process that nobody can reach: there, making the
attempt's folder decides, which succeeds once for each number, and `runs.fence` keeps an earlier attempt from writing.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iqa_train.errors import RunError
from iqa_train.locks import intruder, lock_now, open_lock
from iqa_train.regular import open_temporary
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import RunState, run_state

_PATIENCE = 1.0  # seconds: a killed process takes a moment to die, and who asks for a state holds its lock for one


class AlreadyRunningError(RunError):
    """Another process made or is making this attempt."""


class RunLock:
    """The lock's open file, `descriptor`, to hand on, and the one attempt that its holder may make.

    Which that is was read before the run's state was: of several processes for which the run was idle, all have the
    same, and its folder can be made by one of them.
    """

    def __init__(self, run: RunFolder) -> None:
        self._path = run.lock
        self.attempt = run.next_attempt()
        self.descriptor = open_lock(self._path)
        self._held = False

    def take(self) -> bool:
        """Try to lock it for a moment. One that was replaced meanwhile is left for the one in its place."""
        while lock_now(self.descriptor, patience=_PATIENCE):
            if self._is_in_place():
                self._held = True
                return True
            os.close(self.descriptor)
            self.descriptor = open_lock(self._path)
        return False

    def replace(self) -> None:
        """Put a locked file in its place if another process holds it. Only for the one who has made the attempt."""
        if self._held:
            return
        descriptor, temporary = open_temporary(self._path, mode=0o664)
        temporary.replace(self._path)
        os.close(self.descriptor)
        self.descriptor, self._held = descriptor, True

    def close(self) -> None:
        """Let go of it, unless another process has inherited it."""
        os.close(self.descriptor)

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(follow_symlinks=False), os.fstat(self.descriptor))
        except FileNotFoundError:  # with its folder, which others notice
            return True


@contextmanager
def run_lock(
    run: RunFolder, attempt: int | None, still_wanted: Callable[[], bool], supersedes: int | None = None
) -> Iterator[RunLock]:
    """The run's lock.

    `attempt` is the number that the next attempt must have, None for any; `still_wanted` is called once the lock is
    held. `supersedes` is the number of an attempt that may be replaced while it is alive, if it is the last: the lock
    may then still be held by it, until `RunLock.replace`. Raises AlreadyRunningError if another living process holds
    it, or where the attempt is not due.
    """
    lock = RunLock(run)
    try:
        replaceable = supersedes is not None and lock.attempt.number == supersedes + 1
        if not replaceable:
            require_idle(run)
        if not lock.take() and not replaceable:
            if (stranger := intruder(run.lock)) is not None:
                raise RunError(f"{run.lock} is held by {stranger}, who may only read it; end that process")
            raise AlreadyRunningError(_taken(run, run_state(run)))
        if attempt not in {None, lock.attempt.number} or lock.attempt != run.next_attempt():
            raise AlreadyRunningError(made_by_another(run, attempt or lock.attempt.number))
        if not still_wanted():
            raise AlreadyRunningError(f"{run.path} has been removed from the queue")
        yield lock
    finally:
        lock.close()


def made_by_another(run: RunFolder, attempt: int) -> str:
    """That attempt number `attempt` is not ours to make."""
    return f"attempt {attempt} of {run.path} has been made by another runner"


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
