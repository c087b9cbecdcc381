"""Matches lines with a regular expression, or with plain text if the text is no valid expression."""

import re
from typing import Protocol

from iqa_tui.logview.block_pattern import block_pattern, lines_at, with_tabs

_LONGEST = 2000  # characters of a line tried with a regular expression: some take quadratic time
_SLOW = "searched as plain text: this pattern could take forever"


class LineMatcher(Protocol):
    """Decides which lines match."""

    def matches(self, line: str) -> bool:
        """Whether `line`, as shown, matches."""

    def lines_of(self, text: str) -> list[int]:
        """Which lines of `text`, from 0, match. Each of them ends with a line end."""


class Matcher:
    """Matches lines that contain `text`. Case matters if `text` has a capital letter; a blank also matches a tab."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.note: str | None = None
        folded = not any(c.isupper() for c in re.sub(r"\\.", "", text))
        flags = re.IGNORECASE if folded else re.NOFLAG
        plain = re.escape(text).replace("\\ ", " ") == text or not _is_pattern(text)
        if not plain and _may_take_forever(text):
            self.note, plain = _SLOW, True
        self._needle: bytes | None = None  # found in the bytes of a block, which is the quickest
        self._folded = folded and text.lower() != text.upper()
        if plain:
            escaped = re.escape(text).replace("\\ ", "[ \t]")
            self._pattern = re.compile(escaped, flags | (re.ASCII if text.isascii() else re.NOFLAG))
            self._block: re.Pattern[str] | None = self._pattern
            if text.isascii() or not self._folded:
                self._needle = text.replace("\t", " ").encode("utf-8", "surrogatepass")
        else:
            self._pattern = re.compile(with_tabs(text), flags)
            self._block = block_pattern(text, flags)
        self._limit = None if plain else _LONGEST

    def matches(self, line: str) -> bool:
        return self._pattern.search(line if self._limit is None else line[: self._limit]) is not None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Start and end of each match in `line`, without empty matches."""
        return [m.span() for m in self._pattern.finditer(line if self._limit is None else line[: self._limit]) if m[0]]

    def lines_of(self, text: str) -> list[int]:
        if self._needle:
            data = text.encode("utf-8", "surrogatepass")
            if b" " in self._needle:
                data = data.replace(b"\t", b" ")
            haystack, needle = data.lower() if self._folded else data, self._needle
            return lines_at(haystack, lambda start: haystack.find(needle, start))
        if self._block is None or (self._limit is not None and _has_longer_line(text, self._limit)):
            return [k for k, line in enumerate(text.split("\n")[:-1]) if self.matches(line)]
        search = self._block.search
        return lines_at(text, lambda start: m.start() if (m := search(text, start)) else -1, self.matches)


class Both:
    """Matches lines that both of two matchers match."""

    def __init__(self, first: LineMatcher, second: LineMatcher) -> None:
        self._both = (first, second)

    def matches(self, line: str) -> bool:
        return all(matcher.matches(line) for matcher in self._both)

    def lines_of(self, text: str) -> list[int]:
        first, second = self._both
        found = first.lines_of(text)
        if not found:
            return found
        lines = text.split("\n")
        return [k for k in found if second.matches(lines[k])]


def _has_longer_line(text: str, than: int) -> bool:
    at = 0
    while at + than < len(text):
        end = text.rfind("\n", at, at + than + 1)
        if end < 0:
            return True
        at = end + 1
    return False


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
