"""Pieces of sentences: counts, lists of names, durations, the first line of an error; the width of a text."""

import unicodedata
from collections.abc import Sequence

GIB = 1 << 30
"""Bytes in a GiB."""


def plural(number: int, noun: str) -> str:
    """`1 run`, `2 runs`, `0 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def join_names(names: Sequence[str], most: int | None = None) -> str:
    """`a, b and c`; of more than `most` names, the first ones and how many more: `a, b and 3 more`."""
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def format_duration(seconds: float | None, missing: str = "") -> str:
    """A time as h:mm:ss or m:ss; `missing` for None."""
    if seconds is None:
        return missing
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age_words(seconds: float) -> str:
    """`12 s ago`, `3 min ago`, `2 h ago`, `4 days ago`."""
    for most, unit, name in ((100, 1, "s"), (100 * 60, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < most:
            return f"{seconds / unit:.0f} {name} ago"
    return f"{seconds / 86400:.0f} days ago"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; the error's class where it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def display_width(text: str) -> int:
    """Terminal columns that `text` takes: two for a wide character, none for a combining accent."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)
