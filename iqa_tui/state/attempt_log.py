"""Which attempt's log of a run is shown: the last one's, or an earlier one's that was asked for."""

from dataclasses import dataclass
from pathlib import Path

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
        self._number: int | None = None  # None: the last, also when a new one begins

    def step(self, line: RunLine, by: int) -> bool:
        """Go to an earlier or a later attempt; returns whether there is one."""
        last = attempts_of(line)
        number = self._of(line) or last
        wanted = number + by
        if not 1 <= wanted <= last:
            return False
        self._run, self._number = line.key, None if wanted == last else wanted
        return True

    def log(self, line: RunLine) -> AttemptLog:
        """The log to show of this run."""
        last, number = attempts_of(line), self._of(line)
        if number is None or number >= last:
            title = line.experiment + (f" · attempt {last} of {last}" if last > 1 else "")
            return AttemptLog(title, line.log, not line.is_open)
        path, how = _ended(line, number)
        return AttemptLog(f"{line.experiment} · attempt {number} of {last}{how}", path, ended=True)

    def _of(self, line: RunLine) -> int | None:
        return self._number if line.key == self._run else None


def attempts_of(line: RunLine) -> int:
    """The number of the run's last attempt."""
    return line.row.attempt if line.row is not None else 0


def _ended(line: RunLine, number: int) -> tuple[Path | None, str]:
    """The log of an earlier attempt, and how that ended, such as `: failed, out of memory`."""
    from iqa_train.files import DamagedFileError
    from iqa_train.runs.attempt_facts import log_of
    from iqa_train.runs.documents import read_exit
    from iqa_train.runs.outcome import outcome_from

    attempt = next((found for found in line.run.attempts() if found.number == number), None)
    if attempt is None:
        return None, ": its files are gone"
    try:
        ended = read_exit(attempt.exit)
        outcome = outcome_from(ended) if ended else None
        log = log_of(attempt)
    except (DamagedFileError, OSError, ValueError) as error:
        return None, f": {error}"
    if outcome is None:
        return log, ": its end was not recorded"
    reason = outcome.reason.partition(";")[0]
    named = not reason or reason.startswith(outcome.name)
    return log, f": {reason or outcome.name}" if named else f": {outcome.name}, {reason}"
