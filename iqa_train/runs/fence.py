"""The fence between the attempts of a run: once a later one has begun, an earlier one writes nothing more.

An attempt's number is its token: its folder is made by an exclusive mkdir, which every file system decides once.
"""

import os
import re

from iqa_train.runs.layout import Attempt, RunFolder, is_attempt


def later_attempt(run: RunFolder, attempt: Attempt) -> int | None:
    """The number of the last attempt made after `attempt`; None if there is none, or the folder is gone."""
    try:
        with os.scandir(run.path) as entries:
            numbers = [int(re.sub(r"\D", "", entry.name)) for entry in entries if is_attempt(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    last = max(numbers, default=0)
    return last if last > attempt.number else None
