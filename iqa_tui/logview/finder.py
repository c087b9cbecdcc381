"""The search, the filter and the landmarks of a log view."""

from dataclasses import dataclass
from enum import Enum

from iqa_tui.logview.document import Document
from iqa_tui.logview.landmarks import Landmark
from iqa_tui.logview.matcher import Both, LineMatcher, Matcher
from iqa_tui.logview.rows import Rows
from iqa_tui.logview.scan import Direction, Scan


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

    def search_for(self, text: str, start: int | None = None, direction: Direction = -1) -> None:
        """Search for `text`, from line `start` on (None: the end); end the search if it is empty."""
        self.search = Matcher(text) if text else None
        self.hits = Scan(self.document, self._within_filter(self.search), start, direction) if self.search else None

    def filter_by(self, text: str, start: int | None = None, direction: Direction = -1) -> None:
        """Filter by `text`, from line `start` on (None: the end); show all lines if it is empty."""
        self.filter = Matcher(text) if text else None
        filtered = Scan(self.document, self.filter, start, direction) if self.filter else None
        self.rows = Rows(self.document, filtered)
        self._landmarks.clear()
        self.search_for(self.search.text if self.search else "", start, direction)

    def landmarks(self, kind: Landmark, start: int, direction: Direction) -> Scan:
        """The lines of one kind; the scan begins at `start` at the first call."""
        if kind.name not in self._landmarks:
            self._landmarks[kind.name] = Scan(self.document, self._within_filter(kind), start, direction)
        return self._landmarks[kind.name]

    @property
    def unfinished(self) -> list[Scan]:
        """The scans that are not complete."""
        scans = [self.rows.filtered, self.hits, *self._landmarks.values()]
        return [scan for scan in scans if scan is not None and not scan.complete]

    def work(self, seconds: float) -> bool:
        """Continue each scan for about `seconds`; returns whether any has lines left."""
        more = [scan.work(seconds) for scan in self.unfinished]  # a list: every scan gets its share
        return any(more)

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
        scan = self.scan
        edge = self.line + 1 if self.direction > 0 else self.line
        if scan.first <= min(edge, scan.document.index.newlines) <= scan.end:
            hit = (scan.after if self.direction > 0 else scan.before)(self.line)
            if hit is not None:
                return hit
            if self.landmark and (scan.at_end if self.direction > 0 else scan.first == 0):
                return NoHit.NONE
        if not scan.complete:
            return NoHit.NOT_YET
        if scan.hits and not self.landmark:
            return scan.hits[0 if self.direction > 0 else -1]
        return NoHit.NONE
