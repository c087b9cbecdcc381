"""How an attempt ends: a worker's exit codes, and the state and reason that each means."""

import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iqa_train.runs import state_names
from iqa_train.runs.state_names import COMPLETED, FAILED, KILLED, LOST, STOPPED_EARLY

if TYPE_CHECKING:
    from iqa_train.runs.documents import ExitFacts

_ENDED = (COMPLETED, STOPPED_EARLY, FAILED, KILLED)

OK, UNEXPECTED, INVALID, DIVERGED, OUT_OF_MEMORY, DISK_FULL, STOPPED, UNTESTED, SUPERSEDED = range(9)
"""What a worker exits with. It says why as the last event of its metrics. SUPERSEDED: a later attempt has begun, which
continues the run; of this one nothing more was written.
"""
WITH_RESULT = frozenset({OK, UNTESTED})
"""The codes of a worker that has trained to the end; UNTESTED: a test on another data set that was to follow failed."""

_WORDS = {
    UNEXPECTED: "ended by an error; its traceback is in the log",
    INVALID: "its input cannot be used; the log says why",
    DIVERGED: "diverged",
    OUT_OF_MEMORY: "out of memory",
    DISK_FULL: "disk full",
    STOPPED: "stopped on request; --resume continues",
    UNTESTED: "trained to the end; a test on another data set failed",
}


@dataclass(frozen=True)
class Outcome:
    """A finished process in the terms of `exit.json`; one of `exit_code` and `signal` is set, but for imported logs.

    There, `state` is "killed" also of a run that was stopped on request: `name` tells the two apart.
    """

    state: str
    reason: str
    exit_code: int | None
    signal: int | None

    requested: bool = False  # the end was asked for
    interrupted: bool = False  # another attempt continues it: a time limit, preemption, a GPU given to others

    @property
    def name(self) -> str:
        """The name of the state that this end leaves the run in."""
        asked = self.requested or (self.exit_code == STOPPED and not self.interrupted)
        return state_names.STOPPED if self.state == KILLED and asked else self.state

    @property
    def command_code(self) -> int:
        """What `iqa-train` exits with."""
        if self.exit_code == OK:
            return 0
        if self.requested or self.exit_code == STOPPED:
            return 130
        return 2 if self.exit_code == INVALID else 1

    @property
    def can_pass(self) -> bool:
        """Whether the same run, tried again, may well succeed: never so for bad input or a loss that diverged."""
        if self.requested or self.exit_code in WITH_RESULT:
            return False
        return self.interrupted or self.signal is not None or self.exit_code in {OUT_OF_MEMORY, SUPERSEDED}


def outcome_of(returncode: int, message: str | None, *, stopped_early: bool = False) -> Outcome:
    """From a return code as `subprocess` gives it (negative: a signal) and what the worker itself said, if anything."""
    if returncode < 0:
        hint = ": probably the kernel's OOM killer, or a kill -9" if returncode == -signal.SIGKILL else ""
        return Outcome(KILLED, f"killed by signal {-returncode}{hint or _name(-returncode)}", None, -returncode)
    if returncode in WITH_RESULT:
        reason = message or _WORDS.get(returncode, "")
        return Outcome(STOPPED_EARLY if stopped_early else COMPLETED, reason, returncode, None)
    if returncode == SUPERSEDED:
        return Outcome(KILLED, message or superseded_words(), SUPERSEDED, None)
    state = KILLED if returncode == STOPPED else FAILED
    return Outcome(state, message or _WORDS.get(returncode, f"exit code {returncode}"), returncode, None)


def outcome_from(ended: "ExitFacts") -> Outcome:
    """The outcome in an exit.json. Raises ValueError for one that makes no sense."""
    state, code, number = ended["state"], ended["exit_code"], ended["signal"]
    numbers = [n for n in (code, number) if n is not None]  # none: of an imported log that breaks off
    if not (not numbers if state == LOST else state in _ENDED and len(numbers) == 1):
        raise ValueError("unknown state or exit code")
    return Outcome(state, ended["reason"], code, number, ended.get("requested", False), ended.get("interrupted", False))


def stopped(outcome: Outcome, reason: str) -> Outcome:
    """The same end, as one that was asked for."""
    return replace(outcome, state=KILLED, reason=f"{reason}; --resume continues", requested=True)


def interrupted(outcome: Outcome, reason: str) -> Outcome:
    """The same end, as one that another attempt continues from."""
    return replace(outcome, state=KILLED, reason=reason, interrupted=True)


def superseded(number: int) -> Outcome:
    """The end, whatever it was, of an attempt that attempt `number` has taken the place of."""
    return outcome_of(SUPERSEDED, superseded_words(number))


def superseded_words(number: int | None = None) -> str:
    """Why an attempt ended that attempt `number` has taken the place of; None: one that could not be seen yet."""
    return f"superseded by {'a later attempt' if number is None else f'attempt {number}'}, which continues the run"


def _name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return ""
