"""Lines worth jumping to: results of an epoch, and what went wrong."""

import re

_VALUE = r"(?:[-+]?\d+[.,]\d+(?:[eE][-+]?\d+)?|[-+]?(?:nan|NaN|inf)|-)"
_PARTS = r"(?:\s*\([^()]{1,200}\))?"  # what a loss is the sum of
_BEFORE = r"(?:\[?\d{4}-\d\d-\d\d[T ][\d:.,]+\S{0,8}\s(?:\[?[A-Z]{4,8}\]?:?\s)?|[ ]{0,4}\d{1,4}:\s)?"  # a time, a task


class Landmark:
    """One kind of such lines; the same questions as a `Matcher` answers."""

    needle: bytes | None = None
    folded = False

    def __init__(self, name: str, pattern: str) -> None:
        self.name = name
        self._found = re.compile(pattern)

    def matches(self, line: str) -> bool:
        """Whether `line`, as it is shown, is of this kind."""
        return self._found.search(line[:2000]) is not None


RESULT = Landmark(
    "result",
    rf"^{_BEFORE}\s*\d{{1,6}}(?:\s+{_VALUE}{_PARTS}){{3,}}\s*$|^{_BEFORE}\s*(?:Best test|Testing median)\s+SRCC\b",
)  # epoch, loss, SRCC (training, test), PLCC; or the last words of a round
TROUBLE = Landmark(
    "warning or error",
    r"(?i:\b(?:warn(?:ing)?s?|errors?|fatal|critical|traceback|exception|killed|diverged|out of memory)\b)"
    r"|\w(?:Error|Exception|Warning)\b",
)
