"""When the run of a log took place, as the log or its name states it."""

from collections.abc import Sequence

from iqa_train.log_import.log_lines import Line
from iqa_train.runs.imported import stated_in

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
