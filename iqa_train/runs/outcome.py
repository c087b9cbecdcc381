"""How a worker process ends: its exit codes, and the state and words each stands for."""

import signal
from dataclasses import dataclass, replace

from iqa_train.runs.state import COMPLETED, FAILED, KILLED, STOPPED_EARLY

OK, UNEXPECTED, INVALID, DIVERGED, OUT_OF_MEMORY, DISK_FULL, STOPPED = range(7)

_WORDS = {
    UNEXPECTED: "ended by an error; its traceback is in the log",
    INVALID: "something it was given cannot be used; the log says what",
    DIVERGED: "diverged",
    OUT_OF_MEMORY: "out of memory",
    DISK_FULL: "disk full",
    STOPPED: "stopped on request; --resume continues",
}


@dataclass(frozen=True)
class Outcome:
    """A finished process in the terms of `exit.json`; exactly one of `exit_code` and `signal` is set."""

    state: str
    reason: str
    exit_code: int | None
    signal: int | None

    requested: bool = False  # somebody asked for this end

    @property
    def command_code(self) -> int:
        """What `iqa-train` exits with."""
        if self.exit_code == OK:
            return 0
        if self.requested or self.exit_code == STOPPED:
            return 130
        return 2 if self.exit_code == INVALID else 1


def outcome_of(returncode: int, said: str | None, *, stopped_early: bool = False) -> Outcome:
    """From a return code as `subprocess` gives it (negative: a signal) and what the worker itself said, if anything."""
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = ": probably the kernel's out-of-memory killer" if returncode == -signal.SIGKILL else ""
        return Outcome(KILLED, f"killed by signal {-returncode} ({name}){hint}", None, -returncode)
    if returncode == OK:
        return Outcome(STOPPED_EARLY if stopped_early else COMPLETED, said or "", OK, None)
    state = KILLED if returncode == STOPPED else FAILED
    return Outcome(state, said or _WORDS.get(returncode, f"exit code {returncode}"), returncode, None)


def stopped(outcome: Outcome, reason: str) -> Outcome:
    """The same end, as one that was asked for."""
    return replace(outcome, state=KILLED, reason=f"{reason}; --resume continues", requested=True)
