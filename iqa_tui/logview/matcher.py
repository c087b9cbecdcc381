"""Matches lines with a regular expression, or with plain text if the text is no valid expression."""

import re
from typing import Protocol

_LONGEST = 2000  # characters of a line tried with a regular expression: some take quadratic time
_SLOW = "searched as plain text: this pattern could take forever"


class Matcher:
    """Matches lines that contain `text`. Case matters if `text` has a capital letter.

    `needle`, if there is one, is contained as bytes in every matching line of plain ASCII (lower-cased if `folded`).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.note: str | None = None
        self.folded = not any(c.isupper() for c in re.sub(r"\\.", "", text))
        flags = re.IGNORECASE if self.folded else re.NOFLAG
        plain = re.escape(text).replace("\\ ", " ") == text or not _is_pattern(text)
        if not plain and _may_take_forever(text):
            self.note, plain = _SLOW, True
        if plain:
            self._pattern = re.compile(re.escape(text), flags | (re.ASCII if text.isascii() else re.NOFLAG))
        else:
            self._pattern = re.compile(text, flags)
        self._limit = None if plain else _LONGEST
        self.needle: bytes | None = None
        if plain and text and text.isascii() and text.isprintable():
            self.needle = (text.lower() if self.folded else text).encode()

    def matches(self, line: str) -> bool:
        """Whether `line`, as shown, matches."""
        return self._pattern.search(line if self._limit is None else line[: self._limit]) is not None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Start and end of each match in `line`, without empty matches."""
        return [m.span() for m in self._pattern.finditer(line if self._limit is None else line[: self._limit]) if m[0]]


class LineMatcher(Protocol):
    """Decides which lines match."""

    needle: bytes | None
    folded: bool

    def matches(self, line: str) -> bool:
        """Whether `line`, as shown, matches."""


class Both:
    """Matches lines that both of two matchers match."""

    needle: bytes | None = None
    folded = False

    def __init__(self, first: LineMatcher, second: LineMatcher) -> None:
        self._both = (first, second)

    def matches(self, line: str) -> bool:
        return all(matcher.matches(line) for matcher in self._both)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _may_take_forever(pattern: str) -> bool:
    """Whether a group with a repeat or an alternative is itself repeated, as in (a+)+, which takes exponential time."""
    pattern = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^\[\]]", "x", pattern))
    repeats = False  # within the group closed last
    stack: list[bool] = [False]
    for k, c in enumerate(pattern):
        if c == "(":
            stack.append(False)
        elif c == ")" and len(stack) > 1:
            repeats = stack.pop()
            stack[-1] = stack[-1] or repeats
            if repeats and re.match(r"[*+]|\{\d*,?\d*\}", pattern[k + 1 :]):
                return True
        elif c in "*+|{":
            stack[-1] = True
    return False
