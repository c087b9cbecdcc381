"""One attempt at one run: opens the log, starts the worker in a session of its own, waits, and writes how it ended.

The worker writes to the log's file itself, not through a pipe that would die with this process; and it inherits the
locks of the run and of its device, so that both are held until the last of the two is gone. Knows nothing of torch.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_train.errors import RunError, UsageError
from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.folder_watch import FolderWatch, gone_words
from iqa_train.runner.process_tree import adopt_orphans
from iqa_train.runner.run_lock import run_lock
from iqa_train.runner.running_attempt import RunningAttempt
from iqa_train.runner.start_worker import start_worker
from iqa_train.runner.stop_requests import stop_signals
from iqa_train.runner.worker_wait import WorkerWait
from iqa_train.runs.fence import drop_unfinished, later_attempt
from iqa_train.runs.identity import require_own_proc
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.outcome import Outcome
from iqa_train.runs.state import RunState, run_state
from iqa_train.timestamp import utc_timestamp


def done_before(run: RunFolder, spec: Mapping[str, Any], *, resume: bool, again: bool) -> RunState | None:
    """The state of a run that is complete and needs no worker; None for one that does.

    Raises UsageError where continuing and starting over are both possible and neither was asked for.
    """
    state = run_state(run)
    if state.finished and not again:
        return state
    if again or resume or state.alive or not run.outcome():
        return None
    settings = spec["settings"]
    raise UsageError(
        f"{spec['experiment']} was started before and is {state.name} after {len(epoch_events(run))} of "
        f"{settings['epochs'] * settings['train_test_num']} epochs ({state.reason.partition(';')[0]}); "
        "--resume continues it, --again starts it over"
    )


def run_attempt(
    request: AttemptRequest, watch: Callable[[RunningAttempt], None] = lambda _: None, poll: float = 0.2
) -> Outcome:
    """Make an attempt and wait for its end; `watch` is called while waiting, every `poll` seconds.

    TERM and INT to this process stop the run: the worker writes a checkpoint; after a grace, it is killed with all that
    it started. A terminal that closes (HUP) stops nothing.
    Raises AlreadyRunningError if the run is alive already, RunError where its folder vanishes meanwhile.
    """
    require_own_proc()
    if request.spec is not None:  # a queued run has its folder; without it, it must not run
        request.run.path.mkdir(parents=True, exist_ok=True)
    elif not request.run.path.is_dir():
        raise RunError(f"{gone_words(request.run.path)}; queue the run again")
    adopt_orphans()
    taken = run_lock(request.run, request.attempt, request.still_wanted, request.supersedes)
    with taken as lock, stop_signals() as stopping:
        began = time.monotonic()
        started = start_worker(request, lock)
        shown = _Shown(watch)
        watch_folder = FolderWatch(request.run.lock, lock.descriptor)
        outcome = WorkerWait(request, started, shown, stopping, watch_folder).outcome(poll)
        if later_attempt(request.run, started.attempt) is None and watch_folder.gone():
            words = f"{gone_words(request.run.path)} while the run worked in it, so the run was stopped"
            _append(started.log, f"{words}\n")
            raise RunError(f"{words}; what it had saved is where the folder is now")
        ended = {"ended": utc_timestamp(), "seconds": round(time.monotonic() - began, 3)}
        for temporary in (started.attempt.reserve, started.attempt.heartbeat):
            temporary.unlink(missing_ok=True)
        drop_unfinished(started.attempt)
        write_json(started.attempt.exit, {"schema_version": SCHEMA_VERSION, **asdict(outcome), **ended})
        shown(started)
    return outcome


class _Shown:
    """Calls `watch` until its output fails: a broken pipe or a full disk behind stdout does not end the run."""

    def __init__(self, watch: Callable[[RunningAttempt], None]) -> None:
        self._watch: Callable[[RunningAttempt], None] | None = watch

    def __call__(self, started: RunningAttempt) -> None:
        try:
            if self._watch is not None:
                self._watch(started)
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._watch = None


def _append(log: Path, words: str) -> None:
    """A line in a log that is still there; it is not made again."""
    with contextlib.suppress(OSError):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        with os.fdopen(descriptor, "w") as file:
            file.write(words)
