"""Waits for a worker, ends it where it must end, and says how it ended."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from iqa_train.devices.leases import Lease
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.device_samples import sampling
from iqa_train.runner.folder_watch import FolderWatch
from iqa_train.runner.interruption import GRACE, Interruption
from iqa_train.runner.process_tree import kill_all, reap_orphans
from iqa_train.runner.running_attempt import RunningAttempt
from iqa_train.runner.stop_requests import StopRequests
from iqa_train.runs.attempt_facts import end_event
from iqa_train.runs.documents import read_result
from iqa_train.runs.fence import later_attempt
from iqa_train.runs.layout import Attempt
from iqa_train.runs.outcome import WITH_RESULT, Outcome, interrupted, outcome_of, stopped, superseded
from iqa_train.runs.process_end import ending_within
from iqa_train.runs.state import HEARTBEAT

_LOOK = 1.0  # seconds between two looks at the run's folder


class WorkerWait:
    """Waits for a worker, and ends it on request, on an interruption, or when its run's folder is gone."""

    def __init__(
        self,
        request: AttemptRequest,
        started: RunningAttempt,
        watch: Callable[[RunningAttempt], None],
        signals: StopRequests,
        folder: FolderWatch,
    ) -> None:
        self._request = request
        self._started = started
        self._watch = watch
        self._signals = signals
        self._folder = folder
        self._asked = False  # by a signal or a file, or the folder is gone
        self._later: int | None = None  # the attempt that has taken this one's place
        self._interruption: Interruption | None = None
        self._kill_at: float | None = None
        self._killed = False

    def outcome(self, poll: float) -> Outcome:
        """How the worker ended; nothing that it started is left then."""
        process, attempt = self._started.process, self._started.attempt
        next_beat = next_look = 0.0
        sampled = sampling(attempt, self._request.device, process.pid, _node(self._request.facts))
        with sampled, ending_within(process.pid) as ended_within:
            while process.poll() is None:
                now = time.monotonic()
                if now >= next_beat:
                    next_beat = now + HEARTBEAT
                    _beat(attempt, self._request.lease)
                if now >= next_look:
                    next_look = now + _LOOK
                    self._look()
                self._hear()
                self._end_worker(now)
                self._watch(self._started)
                reap_orphans(keep=process.pid)
                ended_within(poll)
        kill_all(attempt.folder, own_children=True)  # no helper of an ended worker stays behind
        reap_orphans()
        self._hear()
        word = end_event(attempt)
        early = bool((read_result(self._request.run.result) or {}).get("stopped_early"))
        return self._classified(outcome_of(process.returncode, word["message"] if word else None, stopped_early=early))

    def _look(self) -> None:
        """Look for a later attempt, for a request on disk, whose sender may have been killed before its signal, and for
        interruptions."""
        if self._later is None:
            self._later = later_attempt(self._request.run, self._started.attempt)
        if self._later is not None:  # it has put a lock of its own in the place of ours
            return
        if self._folder.gone() or self._started.attempt.stop.exists():
            self._asked = True
        elif not self._asked and self._interruption is None:
            asked = (interrupter(self._started) for interrupter in self._request.interrupters)
            self._interruption = next((one for one in asked if one is not None), None)

    def _hear(self) -> None:
        """Take a signal for what it is; the first reason to end the worker counts."""
        if self._signals.requested and not self._asked and self._interruption is None:
            self._interruption = self._request.why_signalled()
            self._asked = self._interruption is None

    def _end_worker(self, now: float) -> None:
        if self._later is not None:  # nothing that it could still write is of use
            kill_all(self._started.attempt.folder, own_children=True)
            return
        if not self._asked and self._interruption is None:
            return
        if self._kill_at is None:
            self._kill_at = now + (self._interruption.grace if self._interruption and not self._asked else GRACE)
            for number in (signal.SIGTERM, signal.SIGCONT):  # a suspended worker would not react
                self._started.process.send_signal(number)
        elif now > self._kill_at or self._signals.requested > 2:
            self._killed = True
            kill_all(self._started.attempt.folder, own_children=True)

    def _classified(self, outcome: Outcome) -> Outcome:
        """The outcome of the process as one that was superseded, asked for, or interrupted."""
        if self._later is not None and outcome.exit_code not in WITH_RESULT:
            return superseded(self._later)
        if not self._asked and self._interruption is None:
            return outcome
        if outcome.exit_code in WITH_RESULT:  # done before it could stop
            return replace(outcome, requested=self._asked)
        if not self._asked and self._interruption is not None:
            words = self._interruption.words
            return interrupted(outcome, words) if self._interruption.continues else stopped(outcome, words)
        if self._killed:
            return stopped(outcome, f"stopped on request, killed after {GRACE:.0f} s or a third request")
        if outcome.exit_code is None:
            return stopped(outcome, "stopped on request before it had begun")
        return replace(outcome, requested=True)


def _beat(attempt: Attempt, lease: Lease) -> None:
    """Give a sign of life. The worker reports a full or vanished disk."""
    try:
        attempt.heartbeat.touch()
        lease.refresh()
    except OSError:
        return


def _node(facts: Mapping[str, Any]) -> str:
    """This machine, as Slurm names it where the attempt is part of a job."""
    return (facts.get("slurm") or {}).get("node") or os.uname().nodename
