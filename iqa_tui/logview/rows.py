"""The lines that are shown: all of a document, or those that a filter lets through."""

from bisect import bisect_left

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import Document
from iqa_tui.logview.scan import Scan


class Rows:
    """Row numbers for line numbers and back."""

    def __init__(self, document: Document, chosen: Scan | None = None) -> None:
        self.document = document
        self.chosen = chosen

    @property
    def count(self) -> int:
        """How many rows there are."""
        if self.chosen is None:
            return self.document.lines
        return len(self.chosen.hits) + self._last_is_chosen()

    def line_of(self, row: int) -> int:
        """The line that row shows."""
        if self.chosen is None:
            return row
        return self.chosen.hits[row] if row < len(self.chosen.hits) else self.document.lines - 1

    def row_of(self, line: int) -> int:
        """The row of a line, or of the next one shown after it."""
        return line if self.chosen is None else bisect_left(self.chosen.hits, line)

    def _last_is_chosen(self) -> bool:
        """Whether the last line, which has no end yet and may change, is let through as it is now."""
        document = self.document
        if self.chosen is None or document.lines == document.index.newlines or not self.chosen.complete:
            return False
        return self.chosen.matcher.matches(text_of(document.line(document.lines - 1).data))
