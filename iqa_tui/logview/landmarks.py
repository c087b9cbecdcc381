"""Lines worth jumping to: results of epochs, warnings and errors."""

import re
from functools import partial

from iqa_tui.logview.block_pattern import lines_at

_VALUE = r"(?:[-+]?\d+[.,]\d+(?:[eE][-+]?\d+)?|[-+]?(?:nan|NaN|inf)|-)"
_PARTS = r"(?:\s*\([^()]{1,200}\))?"  # the terms of a loss
_BEFORE = (
    r"(?:\[?\d{4}-\d\d-\d\d[T ][\d:.,]+\S{0,8}\s(?:\[?[A-Z]{4,8}\]?:?\s)?|[ ]{0,4}\d{1,4}:\s)?"  # time stamp, task
)


class Landmark:
    """A kind of line to jump to; a `LineMatcher`.

    `words`, if given, are lower-case parts of which one is in every such line.
    """

    def __init__(self, name: str, pattern: str, words: tuple[bytes, ...] = ()) -> None:
        self.name = name
        self._pattern = re.compile(pattern)
        self._words = words

    def matches(self, line: str) -> bool:
        """Whether `line`, as shown, is of this kind."""
        return self._pattern.search(line[:2000]) is not None

    def lines_of(self, text: str) -> list[int]:
        lines = text.split("\n")[:-1]
        if not self._words:
            return [k for k, line in enumerate(lines) if self.matches(line)]
        data = text.encode("utf-8", "surrogatepass").lower()
        found = {k for word in self._words for k in lines_at(data, partial(data.find, word))}
        return [k for k in sorted(found) if self.matches(lines[k])]


RESULT = Landmark(
    "result",
    rf"^{_BEFORE}\s*\d{{1,6}}(?:\s+{_VALUE}{_PARTS}){{3,}}\s*$|^{_BEFORE}\s*(?:Best test|Testing median)\s+SRCC\b",
)  # epoch, loss, SRCC (training, test), PLCC; or the summary of a round
PROBLEM = Landmark(
    "warning or error",
    r"(?i:\b(?:warn(?:ing)?s?|errors?|fatal|critical|traceback|exception|killed|diverged|out of memory)\b)"
    r"|\w(?:Error|Exception|Warning)\b",
    (b"warn", b"error", b"fatal", b"critical", b"traceback", b"exception", b"killed", b"diverged", b"out of memory"),
)


_ERROR = re.compile(
    r"(?i:\b(?:errors?|fatal|critical|traceback|exception|killed|diverged|out of memory)\b)|\w(?:Error|Exception)\b"
)


def is_warning(line: str) -> bool:
    """Whether a line that is a PROBLEM is no more than a warning."""
    return _ERROR.search(line[:2000]) is None
