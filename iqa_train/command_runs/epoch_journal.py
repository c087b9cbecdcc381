"""Writes the epochs of a program into metrics.jsonl, each once, whatever it repeats, redoes or takes back."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from iqa_train.command_runs.epochs import Epoch
from iqa_train.runs.documents import EpochEvent
from iqa_train.runs.journal import Journal
from iqa_train.study.command import GROUPS

_FIELDS = tuple(dict.fromkeys(GROUPS.values()))
_COMPARED = tuple(name for name in _FIELDS if name != "seconds")


class EpochJournal:
    """Epoch events of an attempt that `planned` epochs are expected of.

    `before` are the epochs that earlier attempts reported. One that is reported again with the same figures is not
    written again; with others, it replaces the earlier report. Of reports of the epoch that is under way, the first
    and the last are written. `remark` is what a person should know of them, at the end.
    """

    def __init__(self, journal: Journal, planned: int, before: Iterable[EpochEvent] = ()) -> None:
        self._journal, self._planned = journal, planned
        self.epochs: dict[int, dict[str, Any]] = {event["epoch"]: dict(event) for event in before}
        self.reported = 0
        self._began = time.monotonic()
        self._last: int | None = None
        self._update: Epoch = {}
        self.remark = ""

    def report(self, epoch: Epoch) -> None:
        """The program has reported an epoch."""
        number = epoch["epoch"]
        if number == self._last:
            self._update = epoch
            return
        self.end()
        if self._last is not None and number < self._last and not self.remark:  # said later: patterns read the log
            self.remark = f"note: epoch {number} was reported after epoch {self._last}; the later report counts"
        self.reported += 1
        now = time.monotonic()
        seconds, self._began, self._last = now - self._began, now, number
        self._write({"seconds": round(seconds, 3), **epoch})

    def make_up(self, epoch: Epoch) -> None:
        """An earlier attempt's program had reported an epoch, of which nothing may be known yet."""
        if epoch["epoch"] not in self.epochs:
            self._write({"seconds": None, **epoch})

    def end(self) -> None:
        """No more reports of the epoch that is under way."""
        if self._update:
            self._write({"seconds": self.epochs.get(self._update["epoch"], {}).get("seconds"), **self._update})
        self._update = {}

    def selected(self) -> dict[str, Any] | None:
        """The epoch that the result is of: the best on validation images, where their SRCC is reported, else the last.

        None where no epoch was reported.
        """
        if not self.epochs:
            return None
        judged = [event for event in self.epochs.values() if event.get("val_srcc") is not None]
        if judged:
            return max(judged, key=lambda event: (event["val_srcc"], -event["epoch"]))
        return self.epochs[max(self.epochs)]

    def _write(self, epoch: Epoch) -> None:
        number = epoch["epoch"]
        before = self.epochs.get(number)
        if before is not None and _figures(before) == _figures(epoch):
            return
        self.epochs[number] = {**epoch, "round": 1}
        chosen = self.selected()
        best = chosen is not None and chosen["epoch"] == number
        fields = {name: epoch[name] for name in _FIELDS if name in epoch}
        self._journal.event("epoch", round=1, epochs=self._planned, best=best, **fields)


def _figures(epoch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: epoch[name] for name in _COMPARED if epoch.get(name) is not None}
