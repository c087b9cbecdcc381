"""What is looked for: a regular expression where the text is one, the text itself otherwise."""

import re
from typing import Protocol

_LONGEST = 2000  # characters of a line that a regular expression is tried on: some take the square of it
_SLOW = "as plain text: that pattern could take for ever"


class Matcher:
    """Looks for `text` in lines. Smart case: capitals count if there are any in `text`.

    `needle`, where there is one, is what every matching line of plain ASCII holds as bytes (lower-cased if `folded`).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.note: str | None = None
        self.folded = not any(c.isupper() for c in re.sub(r"\\.", "", text))
        flags = re.IGNORECASE if self.folded else re.NOFLAG
        plain = re.escape(text).replace("\\ ", " ") == text or not _is_pattern(text)
        if not plain and _may_never_end(text):
            self.note, plain = _SLOW, True
        if plain:
            self._found = re.compile(re.escape(text), flags | (re.ASCII if text.isascii() else re.NOFLAG))
        else:
            self._found = re.compile(text, flags)
        self._most = None if plain else _LONGEST
        self.needle: bytes | None = None
        if plain and text and text.isascii() and text.isprintable():
            self.needle = (text.lower() if self.folded else text).encode()

    def matches(self, line: str) -> bool:
        """Whether `line`, as it is shown, is one of those looked for."""
        return self._found.search(line if self._most is None else line[: self._most]) is not None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """From which character to which, for each place in `line`; empty matches are left out."""
        return [m.span() for m in self._found.finditer(line if self._most is None else line[: self._most]) if m[0]]


class Matches(Protocol):
    """What decides which lines are looked for."""

    needle: bytes | None
    folded: bool

    def matches(self, line: str) -> bool:
        """Whether `line`, as it is shown, is one of those looked for."""


class Both:
    """Lines that match both of two."""

    needle: bytes | None = None
    folded = False

    def __init__(self, one: Matches, other: Matches) -> None:
        self._two = (one, other)

    def matches(self, line: str) -> bool:
        """Whether both match."""
        return all(matcher.matches(line) for matcher in self._two)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _may_never_end(pattern: str) -> bool:
    """Whether a group with a repeat or a choice in it is itself repeated, as in (a+)+: time exponential in the line."""
    pattern = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^\[\]]", "x", pattern))
    many = False  # in what has been closed last
    stack: list[bool] = [False]
    for k, c in enumerate(pattern):
        if c == "(":
            stack.append(False)
        elif c == ")" and len(stack) > 1:
            many = stack.pop()
            stack[-1] = stack[-1] or many
            if many and re.match(r"[*+]|\{\d*,?\d*\}", pattern[k + 1 :]):
                return True
        elif c in "*+|{":
            stack[-1] = True
    return False
