"""Which attempt's log of a run is shown: the last one's, or an earlier one's that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_train.runs.layout import Attempt
    from iqa_tui.state.board import RunLine


@dataclass(frozen=True)
class AttemptLog:
    """A log, what stands above it, and whether nothing more is written to it."""

    title: str
    path: Path | None
    ended: bool


class AttemptChoice:
    """The attempt that was asked for, of one run; another run is shown by its last."""

    def __init__(self) -> None:
        self._run = ""
        self._earlier: _Earlier | None = None  # None: the last, also when a new one begins

    def step(self, line: RunLine, by: int) -> bool:
        """Go to the attempt before or after; returns whether there is one. Reads the run's folder."""
        attempts = line.run.attempts()
        numbers = [attempt.number for attempt in attempts]
        earlier = self._of(line)
        at = len(numbers) - 1 if earlier is None or earlier.number not in numbers else numbers.index(earlier.number)
        if not 0 <= at + by < len(numbers):
            return False
        last = at + by == len(numbers) - 1
        self._run, self._earlier = line.key, None if last else _earlier(attempts[at + by])
        return True

    def log(self, line: RunLine) -> AttemptLog:
        """The log to show of this run."""
        last, earlier = attempts_of(line), self._of(line)
        if earlier is None:
            title = line.experiment + (f" · attempt {last} of {last}" if last > 1 else "")
            return AttemptLog(title, line.log, not line.is_open)
        title = f"{line.experiment} · attempt {earlier.number} of {last}: {earlier.end}"
        return AttemptLog(title, earlier.log, ended=True)

    def _of(self, line: RunLine) -> _Earlier | None:
        return self._earlier if line.key == self._run else None


def attempts_of(line: RunLine) -> int:
    """The number of the run's last attempt."""
    return line.row.attempt if line.row is not None else 0


@dataclass(frozen=True)
class _Earlier:
    """An attempt that is not the last, its log, and how it ended, such as `failed, out of memory`."""

    number: int
    log: Path | None
    end: str


def _earlier(attempt: Attempt) -> _Earlier:
    from iqa_train.files import DamagedFileError
    from iqa_train.runs.attempt_facts import log_of
    from iqa_train.runs.documents import read_exit
    from iqa_train.runs.outcome import outcome_from

    try:
        log, ended = log_of(attempt), read_exit(attempt.exit)
        outcome = outcome_from(ended) if ended else None
    except (DamagedFileError, OSError, ValueError) as error:
        return _Earlier(attempt.number, None, str(error))
    if outcome is None:
        return _Earlier(attempt.number, log, "its end was not recorded")
    reason = outcome.reason.partition(";")[0]
    named = not reason or reason.startswith(outcome.name)
    return _Earlier(attempt.number, log, (reason or outcome.name) if named else f"{outcome.name}, {reason}")
