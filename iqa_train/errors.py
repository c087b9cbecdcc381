"""Errors that a user can fix, each one sentence: what is wrong, where, and what to do.

`iqa_train.cli.main` prints them without a traceback and exits with their code. Any other exception is a defect of the
program and keeps its traceback.
"""

import unicodedata
from collections.abc import Iterable

_LINE_ENDS = "\u2028\u2029"
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # Unicode's Bidi_Control
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class UserError(Exception):
    """A mistake outside the program. `exit_code` is the exit status of the command."""

    exit_code = 2


class UsageError(UserError):
    """A command line that cannot be carried out."""


class StudyError(UserError):
    """A study file that is missing, malformed or contradictory."""


class DataError(UserError):
    """A data set that is missing, incomplete or unreadable."""


class WeightsError(UserError):
    """Pretrained weights or a checkpoint that cannot be used."""


class RunError(UserError):
    """A run that could not be finished, for a known reason."""

    exit_code = 1


def visible(text: str) -> str:
    """`text` with control characters as escapes: on one line, and without effect on a terminal."""
    return "".join(_ESCAPES.get(c, f"\\u{ord(c):04x}") if _is_control(c) else c for c in text)


def control_complaint(text: str) -> str | None:
    """What is wrong with `text` as part of a printed line; None if nothing is."""
    found = next((c for c in text if _is_control(c)), None)
    if found is None:
        return None
    return f"holds the control character U+{ord(found):04X}; allowed: text on one line, without such characters"


def _is_control(character: str) -> bool:
    """Whether it moves the cursor, ends a line or changes the direction of text instead of being visible."""
    return unicodedata.category(character) == "Cc" or character in _LINE_ENDS + _DIRECTIONS


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest of `known`, or lists all of them if none is near."""
    from difflib import get_close_matches  # slow to import

    names = list(dict.fromkeys(known))
    near = get_close_matches(word.lower(), [n.lower() for n in names], n=3, cutoff=0.6)
    hits = [n for n in names if n.lower() in near]
    hits.sort(key=lambda n: near.index(n.lower()))
    if hits:
        return "did you mean " + " or ".join(f'"{visible(n)}"' for n in hits) + "?"
    return "known: " + ", ".join(map(visible, names)) if names else "there are none"
