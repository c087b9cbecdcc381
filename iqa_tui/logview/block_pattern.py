"""Searches many lines at once: with one call for a block of them, instead of one for each line."""

import re
from collections.abc import Callable
from typing import AnyStr

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:?|[*+?}]\+|.", re.DOTALL)
_WITHOUT_LINE_END = {r"\D": r"[^\d\n]", r"\W": r"[^\w\n]", r"\s": r"[^\S\n]", " ": "[ \t]"}
_NARROW_ESCAPES = set("dwSbtrfva")  # match no line end, and at the edges of a block as at those of its lines


def with_tabs(pattern: str) -> str:
    """`pattern` such that a blank also matches a tab."""
    if re.search(r"\(\?[a-zA-Z]*x", pattern):  # a verbose pattern ignores blanks
        return pattern
    return "".join("[ \t]" if token == " " else token for token in _TOKEN.findall(pattern))


def block_pattern(pattern: str, flags: int) -> re.Pattern[str] | None:
    """A pattern that finds in a block of lines every place where `pattern` matches within one of its lines.

    It may find more; whatever it finds in a line has to be tried on that line alone. It never looks across a line end,
    so that its time grows with the number of lines. None if `pattern` has parts for which that is not known.
    """
    done = []
    for token in _TOKEN.findall(pattern):
        narrow = _narrow(token)
        if narrow is None:
            return None
        done.append(narrow)
    return re.compile("".join(done), flags | re.MULTILINE)


def _narrow(token: str) -> str | None:
    """A part of a pattern, such that it matches no line end; None if that is not simple."""
    if token in _WITHOUT_LINE_END:
        return _WITHOUT_LINE_END[token]
    if token[0] == "\\" and token[1].isalnum():
        return token if token[1] in _NARROW_ESCAPES else None
    if token[0] == "[" and len(token) > 1:
        if not re.fullmatch(token, "\n"):
            return token
        return r"[^\n" + ("\\" if token[2] == "-" else "") + token[2:] if token[1] == "^" and token[2] != "]" else None
    return None if token == "(?" or re.fullmatch(r"[*+?}]\+", token) else token  # look-around, possessive repeats


def lines_at(text: AnyStr, find: Callable[[int], int], keep: Callable[[AnyStr], bool] | None = None) -> list[int]:
    """The numbers, from 0, of the lines that hold what `find` finds and that `keep` keeps.

    `find` is given an offset and returns that of the next match, or -1. `text` ends with a line end.
    """
    end_of_line = "\n" if isinstance(text, str) else b"\n"
    numbers: list[int] = []
    start = number = 0
    while (at := find(start)) >= 0:
        number += text.count(end_of_line, start, at)
        start = text.rfind(end_of_line, start, at) + 1 or start
        end = text.find(end_of_line, at)
        if end < 0:  # an empty match after the last line
            break
        if keep is None or keep(text[start:end]):
            numbers.append(number)
        start, number = end + 1, number + 1
    return numbers
