"""When and why a job has to end: Slurm's signals, the clock, and what Slurm answers."""

import signal
import time
from collections.abc import Callable

from iqa_train.runner.interruption import GRACE, Interruption
from iqa_train.scheduler.slurm.job_clock import JobClock
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.termination import OwnOutput, Termination, why_terminated
from iqa_train.slurm.this_job import JobNow, ThisJob, ask_about, kill_wait

_VISIBLE = 10.0  # seconds until a request to stop is taken not to be there
_FIRST_WORDS = 1.0  # seconds in which runners report why their runs were cancelled
_ANSWER = 5.0  # seconds, at most, that Slurm has to say why it ends the job


class Signals:
    """The signals that this process has got; handled from the start on, since USR1 would end it."""

    def __init__(self) -> None:
        self.terminated = False
        self.warned = False
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)
        signal.signal(signal.SIGUSR1, self._hear)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _hear(self, number: int, _frame: object) -> None:
        if number == signal.SIGUSR1:
            self.warned = True
        else:
            self.terminated = True


class JobEnding:
    """Looks for the end of a job. `margin`: seconds before its time is up at which its runs write checkpoints.

    `has_begun`: nothing more may be started. `termination`: why Slurm ends it, once it has sent TERM.
    """

    def __init__(self, job: ThisJob, signals: Signals, margin: float) -> None:
        self.has_begun = False
        self.termination: Termination | None = None
        self._job = job
        self._signals = signals
        self._output = OwnOutput()
        self._clock = JobClock(job, margin)
        self._kill_wait = kill_wait()
        self._warned_at: float | None = None  # monotonic
        self._stop_at = float("inf")  # monotonic

    @property
    def patience(self) -> float:
        """Seconds, of the few between TERM and KILL, that may pass until it is known why the job ends."""
        return min(_ANSWER, self._kill_wait / 3)

    def close(self) -> None:
        """Ask Slurm no more."""
        self._clock.close()

    def look(self, is_asked_to_stop: Callable[[], bool]) -> Interruption | None:
        """What the runs must be sent now; `is_asked_to_stop`: whether a person has asked for the end of one."""
        found = None
        if self.termination is None and self._signals.terminated:
            found = self._terminated()
        elif not self.has_begun and (self._clock.is_near() or self._is_warned(is_asked_to_stop)):
            found = self._warning()
        self.has_begun |= found is not None
        return found

    def is_stop_due(self) -> bool:
        """Whether it is time to put on disk that the runs were cancelled: once they have had time to say so."""
        return time.monotonic() > self._stop_at

    def is_requeued(self) -> bool:
        """Whether Slurm starts the job again by itself."""
        answer = self._ask(_ANSWER)
        return answer is not None and answer.restarts > self._job.restarts

    def _is_warned(self, is_asked_to_stop: Callable[[], bool]) -> bool:
        """Whether a USR1 means the time limit, and not a request to stop a run, which that run's runner looks for.

        Where the time limit is far, the request may be on disk already, and not visible yet.
        """
        now = time.monotonic()
        if self._signals.warned:
            self._signals.warned = False
            self._warned_at = now
        if self._warned_at is None:
            return False
        if is_asked_to_stop():
            self._warned_at = None
            return False
        return self._clock.may_be_near() or now > self._warned_at + _VISIBLE

    def _warning(self) -> Interruption:
        left = self._clock.left()
        grace = GRACE if left is None else max(_ANSWER, left + self._grace())
        name = f"job {self._job.label}"
        words = f"the time limit of {name} is near" if self._clock.may_be_near() else f"{name} was sent USR1"
        return Interruption(f"{words}; continues in the next", grace)

    def _terminated(self) -> Interruption:
        """Why Slurm ends the job: what it has written into the output counts, and needs no answer."""
        notice = self._output.notice()
        answer = self._ask(self.patience) if notice is None else None
        self.termination = why_terminated(self._job, notice or self._output.notice(), answer, time.time())
        words = self.termination.words
        if self.termination.cause == "cancelled":
            self._stop_at = time.monotonic() + (0.0 if self.has_begun else _FIRST_WORDS)
            return Interruption(words, self._grace(), continues=False)
        return Interruption(f"{words}; continues in the next", self._grace())

    def _grace(self) -> float:
        """Seconds for a checkpoint after TERM, so that how it ended can be written before Slurm kills everything."""
        return self._kill_wait - min(2.0, self._kill_wait / 3)

    def _ask(self, limit: float) -> JobNow | None:
        try:
            return ask_about(self._job, limit)
        except SlurmError:
            return None
