"""The search, the filter and the landmarks of a log view."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from iqa_tui.logview.document import Document
from iqa_tui.logview.landmarks import Landmark
from iqa_tui.logview.matcher import Both, LineMatcher, Matcher
from iqa_tui.logview.rows import Rows
from iqa_tui.logview.scan import Scan

Direction = Literal[1, -1]


class NoHit(Enum):
    """Why a search has no line to jump to."""

    NOT_YET = "still searching"
    NONE = "nothing found"


class Finder:
    """The scans over one document; `work` advances all of them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.search: Matcher | None = None
        self.filter: Matcher | None = None
        self.hits: Scan | None = None  # of the search, within the filtered lines
        self.rows = Rows(document)
        self._landmarks: dict[str, Scan] = {}

    def search_for(self, text: str) -> None:
        """Search for `text`; end the search if it is empty."""
        self.search = Matcher(text) if text else None
        self._renew_hits()

    def filter_by(self, text: str) -> None:
        """Filter by `text`; show all lines if it is empty."""
        self.filter = Matcher(text) if text else None
        self.rows = Rows(self.document, Scan(self.document, self.filter) if self.filter else None)
        self._landmarks.clear()
        self._renew_hits()

    def landmarks(self, kind: Landmark) -> Scan:
        """The lines of one kind; the scan starts at the first call."""
        if kind.name not in self._landmarks:
            self._landmarks[kind.name] = Scan(self.document, self._within_filter(kind))
        return self._landmarks[kind.name]

    def work(self, seconds: float) -> bool:
        """Continue each scan for about `seconds`; returns whether any has lines left."""
        scans = [self.rows.filtered, self.hits, *self._landmarks.values()]
        more = [scan.work(seconds) for scan in scans if scan is not None]  # a list: every scan gets its share
        return any(more)

    def _renew_hits(self) -> None:
        self.hits = Scan(self.document, self._within_filter(self.search)) if self.search else None

    def _within_filter(self, matcher: LineMatcher) -> LineMatcher:
        return Both(matcher, self.filter) if self.filter else matcher


@dataclass(frozen=True)
class PendingJump:
    """A jump to the next hit from `line`, which waits until the scan has got far enough."""

    scan: Scan
    direction: Direction
    line: int
    landmark: str = ""  # the kind of landmark; empty for the search, which continues at the other end

    def target(self) -> int | NoHit:
        """The line to jump to: the next hit after `line`, or the last before it."""
        is_known = self.direction > 0 or self.scan.complete or self.scan.reached > self.line
        hit = (self.scan.after if self.direction > 0 else self.scan.before)(self.line) if is_known else None
        if hit is not None:
            return hit
        if not self.scan.complete:
            return NoHit.NOT_YET
        if self.scan.hits and not self.landmark:
            return self.scan.hits[0 if self.direction > 0 else -1]
        return NoHit.NONE
