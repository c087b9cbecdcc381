"""Epochs that a program reports: by lines of its output that match patterns, or as events in a file."""

import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from iqa_train.files import parse_lines
from iqa_train.study.command import GROUPS

Epoch = dict[str, Any]
"""The fields of an epoch event that a program gives: epoch, and those that it has of the others."""

SECONDS_FOR_A_LINE = 2.0
"""Of computing, after which a pattern is given up."""

_MOST = 1_000_000  # epochs, and no measure is as large as 1e12
_LARGEST = 1e12
_LONGEST = 1e10  # seconds


class EpochReports:
    """Puts together what lines and events say of an epoch, and passes on each epoch once it is complete.

    Several lines may speak of one epoch: one that does not name it belongs to the one that was named last. It is
    complete when every group of the patterns has a value, when the next one begins, or at the end.
    """

    def __init__(self, patterns: Iterable[str], report: Callable[[Epoch], None]) -> None:
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._report = report
        self._wanted = {GROUPS[name] for pattern in self._patterns for name in pattern.groupindex}
        self._open: Epoch = {}
        self.slow: list[str] = []  # patterns that are not used any more
        self.matched = False
        self.refused = 0

    def read_output(self, lines: Iterable[str]) -> None:
        """Lines of the program's output."""
        with _limiting() as search:
            for line in lines:
                for pattern in tuple(self._patterns):
                    try:
                        found = search(pattern, line)
                    except _TooSlowError:
                        self._patterns.remove(pattern)
                        self.slow.append(pattern.pattern)
                        continue
                    if found:
                        self._take({GROUPS[k]: v for k, v in found.groupdict().items() if v is not None})

    def read_events(self, lines: Iterable[str]) -> None:
        """Lines of the file of events: JSON objects with "epoch"."""
        for event in parse_lines(lines):
            known = {GROUPS[k]: v for k, v in event.items() if k in GROUPS and v is not None}
            numbers = _numbers(known)
            if numbers is None or "epoch" not in numbers:
                self.refused += 1
                continue
            self.end()
            self._report(numbers)

    def end(self) -> None:
        """What is known of the last epoch is all that will come."""
        if "epoch" in self._open:
            self._report(self._open)
        self._open = {}

    def _take(self, words: Mapping[str, str]) -> None:
        self.matched = True
        found = _numbers(words)
        if found is None:
            self.refused += 1
            return
        if "epoch" in found and found["epoch"] != self._open.get("epoch", found["epoch"]):
            self.end()
        if not ("epoch" in found or "epoch" in self._open):
            return
        self._open |= found
        if self._wanted <= self._open.keys():
            self.end()


class _TooSlowError(Exception):
    """A pattern takes too long for a line, as one with nested repeats can: for ever."""


@contextmanager
def _limiting() -> Iterator[Callable[[re.Pattern[str], str], "re.Match[str] | None"]]:
    """Yields a search that raises `_TooSlowError` after some seconds of computing. For the main thread."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise _TooSlowError

    def search(pattern: re.Pattern[str], line: str) -> "re.Match[str] | None":
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_FOR_A_LINE)  # not the clock: the process may be suspended
            return pattern.search(line)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    before = signal.signal(signal.SIGVTALRM, give_up)
    try:
        yield search
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _numbers(words: Mapping[str, Any]) -> Epoch | None:
    """The values as numbers, None for those that are not finite; None altogether if one is no number at all."""
    found: Epoch = {}
    for name, word in words.items():
        try:
            value = float(word)
        except (ValueError, TypeError, OverflowError):
            return None
        if isinstance(word, bool):
            return None
        if name == "epoch":
            if not (value.is_integer() and 0 <= value <= _MOST):
                return None
            found[name] = int(value)
        else:
            known = 0 <= value < _LONGEST if name == "seconds" else abs(value) < _LARGEST
            found[name] = value if known else None
    return found
