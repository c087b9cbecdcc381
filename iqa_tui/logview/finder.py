"""What a log view looks for: the search, the filter, and the lines worth jumping to."""

from enum import Enum
from typing import Literal

from iqa_tui.logview.document import Document
from iqa_tui.logview.landmarks import Landmark
from iqa_tui.logview.matcher import Both, Matcher, Matches
from iqa_tui.logview.rows import Rows
from iqa_tui.logview.scan import Scan

Direction = Literal[1, -1]


class NoHit(Enum):
    """Why a search has no line to go to."""

    NOT_YET = "still looking"
    NONE = "nothing found"


class Finder:
    """The scans over one document; `work` brings all of them forward."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.search: Matcher | None = None
        self.filter: Matcher | None = None
        self.hits: Scan | None = None  # of the search, within what the filter lets through
        self.rows = Rows(document)
        self._landmarks: dict[str, Scan] = {}

    def look_for(self, text: str) -> None:
        """Search for another text; none where it is empty."""
        self.search = Matcher(text) if text else None
        self._renew_hits()

    def show_only(self, text: str) -> None:
        """Filter by another text; show everything where it is empty."""
        self.filter = Matcher(text) if text else None
        self.rows = Rows(self.document, Scan(self.document, self.filter) if self.filter else None)
        self._landmarks.clear()
        self._renew_hits()

    def landmarks(self, kind: Landmark) -> Scan:
        """The lines of one kind, looked for from the first time they are asked for."""
        if kind.name not in self._landmarks:
            self._landmarks[kind.name] = Scan(self.document, self._within_filter(kind))
        return self._landmarks[kind.name]

    def work(self, seconds: float) -> bool:
        """Look on for about `seconds` with each scan; whether there is more to look at."""
        scans = [self.rows.chosen, self.hits, *self._landmarks.values()]
        more = [scan.work(seconds) for scan in scans if scan is not None]  # each has its turn
        return any(more)

    def _renew_hits(self) -> None:
        self.hits = Scan(self.document, self._within_filter(self.search)) if self.search else None

    def _within_filter(self, matcher: Matches) -> Matches:
        return Both(matcher, self.filter) if self.filter else matcher


def seek(scan: Scan, direction: Direction, line: int, *, around: bool) -> int | NoHit:
    """The next hit after `line` or the last before it; past the ends, the other end's where `around`."""
    known = direction > 0 or scan.complete or scan.reached > line
    found = None if not known else scan.after(line) if direction > 0 else scan.before(line)
    if found is not None:
        return found
    if not scan.complete:
        return NoHit.NOT_YET
    if around and scan.hits:
        return scan.hits[0 if direction > 0 else -1]
    return NoHit.NONE
