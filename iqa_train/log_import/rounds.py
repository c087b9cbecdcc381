"""Reads the course of training from a log: rounds, their epochs, and how it ended."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from iqa_train.log_import.epoch_table import BrokenRowError, Epoch, header_of, row_of, separator_of
from iqa_train.log_import.log_lines import Line
from iqa_train.log_import.numbers import number

_START = re.compile(r"Training and testing on .+ dataset for \d+ rounds")
_ROUND = re.compile(r"\s*Round (\d{1,9})\s*")
_BEST = re.compile(r"Best test SRCC\s+([-+.\w]+),\s*PLCC\s+([-+.\w]+)")
_MEDIAN = re.compile(r"Testing median SRCC\s+([-+.\w]+),\s*median PLCC\s+([-+.\w]+)")
_RATES = re.compile(r"Learning rates?:.*\bBackbone\s*=\s*([\d.eE+-]+)", re.IGNORECASE)
_OF_AN_EPOCH = re.compile(r"\s*(epoch\b|test|spaq|valid)", re.IGNORECASE)
_LEADING = re.compile(r"\s*\"?(\d{1,6})")
_ERROR = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)?(?::.*)?")

Best = tuple[float | None, float | None]


@dataclass(frozen=True)
class Round:
    """One round. `best` is the SRCC and PLCC of its closing line, None if that is missing."""

    epochs: tuple[Epoch, ...] = ()
    best: Best | None = None
    stopped_early: bool = False

    @property
    def chosen(self) -> Epoch | None:
        """The epoch with the highest test SRCC, which the script selected by; the first of equals, as in the script."""
        known = [epoch for epoch in self.epochs if epoch.test_srcc is not None]
        return max(known, key=lambda epoch: epoch.test_srcc or 0.0, default=None)


@dataclass(frozen=True)
class Training:
    """All rounds. `starts` counts how often the script was started into this log and reached an epoch.

    `median` is the SRCC and PLCC of the last line. `error` is the last line of a traceback that ends the log.
    `shown_zero` means that rates were printed as 0.000000. `repeated` counts duplicate rows; `tangled` names two epochs
    that cannot follow each other. `again` means that epochs follow the closing line of all rounds, or a round number
    that was there before: they belong to another run.
    """

    rounds: tuple[Round, ...]
    median: Best | None = None
    error: str = ""
    starts: int = 0
    has_table: bool = False
    shown_zero: bool = False
    broken: tuple[str, ...] = ()
    repeated: int = 0
    tangled: str = ""
    again: bool = False

    @property
    def epochs(self) -> int:
        """Epochs of all rounds together."""
        return sum(len(r.epochs) for r in self.rounds)

    @property
    def is_newest_first(self) -> bool:
        """Whether the rows are in descending order of epochs."""
        numbers = [epoch.number for r in self.rounds for epoch in r.epochs]
        return len(numbers) > 1 and all(later - 1 == earlier for later, earlier in pairwise(numbers))


def training_of(lines: Iterable[Line]) -> Training:
    """Read the lines of a log from first to last."""
    reader = _Reader()
    for line in lines:
        reader.read(line)
    return reader.result()


@dataclass
class _Reader:
    rounds: list[Round] = field(default_factory=list)
    columns: Sequence[str] = ()
    separator: str = ""
    median: Best | None = None
    error: str = ""
    starts: int = 0
    shown_zero: bool = False
    broken: list[str] = field(default_factory=list)
    repeated: int = 0
    tangled: str = ""
    again: bool = False
    _number: int = 0
    _last_number: int = 0  # of a round that came to an epoch
    _new_round: bool = True
    _new_start: bool = True
    _rate: float | None = None
    _seen: int = 0  # the epoch of the row before, whole or broken
    _took: dict[str, float] = field(default_factory=dict)
    _in_traceback: bool = False
    _indent: int = 0

    def read(self, line: Line) -> None:
        text = line.text
        self._took |= {label: seconds for label, seconds in line.bars if _OF_AN_EPOCH.match(label)}
        self._read_error(text)
        if _closes(line, _BEST, 6) and self.rounds:
            self.rounds[-1] = replace(self.rounds[-1], best=_pair(_BEST, text))
            self._new_round = True
            self._forget_bars()
        elif _closes(line, _MEDIAN, 4):
            self.median = _pair(_MEDIAN, text)
        elif line.whole:
            self._read_whole(text)

    def _read_whole(self, text: str) -> None:
        header = header_of(text)
        rates = _RATES.search(text)
        round_ = _ROUND.fullmatch(text)
        if header is not None:
            self.columns, self.separator = header, separator_of(text)
        elif _START.search(text):
            self._new_start = self._new_round = True
            self._forget_bars()
            self._number = self._last_number = 0
        elif round_:
            self._new_round = True
            self._number = int(round_[1])
            self._forget_bars()
        elif rates:
            self._rate = _rate(rates[1])
            self.shown_zero |= self._rate is None
        elif "Early stopping triggered" in text and self.rounds:
            self.rounds[-1] = replace(self.rounds[-1], stopped_early=True)
        elif self.columns:
            self._read_row(text)

    def _read_row(self, text: str) -> None:
        try:
            epoch = row_of(text, self.columns, self.separator)
        except BrokenRowError:
            self.broken.append(text.strip())
            leading = _LEADING.match(text)
            self._seen = int(leading[1]) if leading else 0
            self._took.clear()
            return
        if epoch is None:
            return
        if not self._new_round and self._is_last(epoch):
            self.repeated += 1
            return
        if self._new_round or epoch.number <= self.rounds[-1].epochs[-1].number:
            if not self._new_round and epoch.number != 1:
                self.tangled = self.tangled or f"{self.rounds[-1].epochs[-1].number}, then {epoch.number}"
            self.again |= self.median is not None or 0 < self._number <= self._last_number
            self._last_number = self._number
            self.rounds.append(Round())
        if self._new_start:
            self.starts += 1
        follows = epoch.number in {1, self._seen + 1}  # else rows are missing, and the bars are of several epochs
        seconds = sum(self._took.values()) if self._took and follows else None
        epoch = replace(epoch, rate=self._rate, seconds=seconds)
        self.rounds[-1] = replace(self.rounds[-1], epochs=(*self.rounds[-1].epochs, epoch))
        self._new_round = self._new_start = False
        self._rate, self.error = None, ""  # training survived earlier errors
        self._seen = epoch.number
        self._took.clear()

    def _forget_bars(self) -> None:
        """What an epoch without a row printed last in a round does not belong to the first epoch of the next."""
        self._rate, self._seen = None, 0
        self._took.clear()

    def _is_last(self, epoch: Epoch) -> bool:
        """Whether the row repeats the one before, as when a line was written twice."""
        last = self.rounds[-1].epochs[-1]
        return replace(epoch, rate=last.rate, seconds=last.seconds) == last

    def _read_error(self, text: str) -> None:
        """Keep the last line of the last traceback: the first that is not indented more than its head."""
        indent = len(text) - len(text.lstrip())
        if text.rstrip().endswith("Traceback (most recent call last):"):  # it may follow a bar, or ^C
            self._in_traceback, self._indent = True, indent
        elif self._in_traceback and indent <= self._indent and _ERROR.fullmatch(text.strip()):
            self.error = text.strip()
            self._in_traceback = False

    def result(self) -> Training:
        return Training(
            tuple(self.rounds), self.median, self.error, self.starts, bool(self.columns), self.shown_zero,
            tuple(self.broken), self.repeated, self.tangled, self.again,
        )  # fmt: skip


def _closes(line: Line, pattern: re.Pattern[str], decimals: int) -> bool:
    """Whether it is a complete closing line: one without a line end counts if its last number has all its decimals."""
    found = pattern.search(line.text)
    if found is None or any(_value(text) is _UNREADABLE for text in found.groups()):
        return False
    return line.whole or re.fullmatch(rf"-?\d\.\d{{{decimals},}}", found[2]) is not None


def _pair(pattern: re.Pattern[str], text: str) -> Best:
    found = pattern.search(text)
    assert found is not None
    return _value(found[1]), _value(found[2])


_UNREADABLE = float("nan")


def _value(text: str) -> float | None:
    """None for nan; a number that cannot be a correlation counts as unreadable."""
    try:
        value = number(text)
    except ValueError:
        return _UNREADABLE
    return value if value is None or -1 <= value <= 1 else _UNREADABLE


def _rate(text: str) -> float | None:
    """A rate as printed; None for 0.000000, which the script prints for any rate below 0.0000005."""
    try:
        return number(text) or None
    except ValueError:
        return None
