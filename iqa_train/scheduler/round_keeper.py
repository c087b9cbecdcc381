"""Has the next round of a study queued once the one before is settled, by a process of its own.

The look at the results needs NumPy and all predictions, which a scheduler must not hold. What is due follows from the
queue and the run folders alone, and the process queues a round in one step: whichever of the two is killed, the next
scheduler has it done once more, and nothing is queued twice.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from iqa_train.runner.process_limits import RefusedError, starting
from iqa_train.runner.program import python_command
from iqa_train.scheduler.item_status import ItemStatus
from iqa_train.scheduler.queue import Item, Queue

_AGAIN = (2.0, 60.0)  # seconds until a look that failed is repeated, first and at most
_TRIES = 6

Entries = Sequence[tuple[Item, ItemStatus]]


class Mark(NamedTuple):
    """What a look was taken at: the runs of a study and their states, and when a person asked for it."""

    states: tuple[tuple[str, int, str], ...]
    asked: float


@dataclass
class _Look:
    process: "subprocess.Popen[bytes]"
    output: IO[bytes]
    mark: Mark


@dataclass(frozen=True)
class _Failure:
    until: float
    pause: float
    tries: int


class RoundKeeper:
    """The looks that one scheduler has had taken."""

    def __init__(self, runs_dir: Path, say: Callable[[str], None]) -> None:
        self._runs_dir = runs_dir
        self._say = say
        self._looks: dict[str, _Look] = {}
        self._done: dict[str, Mark] = {}  # the states at which no further look is due
        self._failed: dict[str, _Failure] = {}

    def look(self, queue: Queue, entries: Entries) -> bool:
        """Take the looks that are due; returns whether one is under way or to be repeated."""
        self._reap()
        due = self._due(queue, entries)
        for study, mark in due.items():
            failure = self._failed.get(study)
            if study not in self._looks and (failure is None or time.monotonic() >= failure.until):
                self._start(study, mark)
        return bool(self._looks or due)

    def is_due(self, queue: Queue, entries: Entries) -> bool:
        """Whether a look is under way, or due of these runs."""
        return bool(self._looks or self._due(queue, entries))

    def _due(self, queue: Queue, entries: Entries) -> dict[str, Mark]:
        if queue.paused:
            return {}
        found = {}
        for study, rounds in queue.rounds.items():
            mine = [(item, status) for item, status in entries if item.study == study]
            states = tuple((item.key, status.attempt, status.state.name) for item, status in mine)
            mark = Mark(states, rounds.asked)
            if all(status.phase == "settled" for _, status in mine) and mark != self._done.get(study):
                found[study] = mark
        return found

    def _start(self, study: str, mark: Mark) -> None:
        output = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the process has ended)
        command = python_command("iqa_train.scheduler.next_round", str(self._runs_dir), study)
        try:
            with starting("a look at the results"):
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
        except (OSError, RefusedError) as error:
            output.close()
            self._note_failure(study, mark, str(error))
            return
        self._looks[study] = _Look(process, output, mark)

    def _reap(self) -> None:
        for study, look in list(self._looks.items()):
            code = look.process.poll()
            if code is None:
                continue
            del self._looks[study]
            look.output.seek(0)
            words = look.output.read(10_000).decode(errors="replace").strip()
            look.output.close()
            if code:
                last = words.splitlines()[-1] if words else f"the look ended with {code}"
                self._note_failure(study, look.mark, last)
                continue
            self._done[study] = look.mark
            self._failed.pop(study, None)
            if words:
                self._say(words)

    def _note_failure(self, study: str, mark: Mark, words: str) -> None:
        before = self._failed.get(study)
        pause = min(2 * before.pause, _AGAIN[1]) if before else _AGAIN[0]
        tries = before.tries + 1 if before else 1
        self._failed[study] = _Failure(time.monotonic() + pause, pause, tries)
        self._say(f"{study}: no look at the results: {words}")
        if tries >= _TRIES:
            self._done[study] = mark
