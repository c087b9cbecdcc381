"""When the run of a log took place, as the log or its name states it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from iqa_train.oldlogs.text import Line

_STATED = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)[T_ -](\d\d)[:-]?(\d\d)[:-]?(\d\d)(?!\d)")
_SINCE_1970 = re.compile(r"1\d{9}(?:\d{3}){0,3}(?:[.,]\d+)?")
_HEAD = 200  # lines


def began_of(lines: Sequence[Line], name: str) -> str:
    """The first time stamp of the lines, else the first time that its first lines name, else that in its name.

    In ISO 8601 without a zone: the script's clock is whatever its computer had. "" where none of them states one.
    """
    stamps = (line.time for line in lines if line.time)
    texts = (line.text for line in lines[:_HEAD])
    for text in (*stamps, *texts, name):
        found = stated_in(text)
        if found:
            return found
    return ""


def stated_in(text: str) -> str:
    """The time that `text` states, unmistakably: year, month and day in this order, or seconds since 1970."""
    for found in _STATED.finditer(text):
        try:
            return datetime(*(int(part) for part in found.groups())).isoformat()  # type: ignore[arg-type]
        except ValueError:
            continue
    if _SINCE_1970.fullmatch(text):
        seconds = int(text[:10])
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return ""
