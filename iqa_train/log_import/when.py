"""The time at which a logged run began, as stated by the log or its file name."""

from collections.abc import Sequence

from iqa_train.log_import.log_lines import Line
from iqa_train.runs.imported import stated_in

_HEAD = 200  # lines


def began_of(lines: Sequence[Line], name: str) -> str:
    """The first time stamp of the lines, or the first time named in the first lines, or the one in the file name.

    ISO 8601 without a time zone, since the script's clock is local. "" if none of them states a time.
    """
    stamps = (line.time for line in lines if line.time)
    texts = (line.text for line in lines[:_HEAD])
    for text in (*stamps, *texts, name):
        found = stated_in(text)
        if found:
            return found
    return ""
