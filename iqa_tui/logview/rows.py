"""The rows of a log: all lines of a document, or those that match the filter."""

from bisect import bisect_left

from iqa_tui.logview.ansi import text_of
from iqa_tui.logview.document import Document
from iqa_tui.logview.scan import Scan


class Rows:
    """Converts row numbers to line numbers and back."""

    def __init__(self, document: Document, filtered: Scan | None = None) -> None:
        self.document = document
        self.filtered = filtered

    @property
    def count(self) -> int:
        """The number of rows."""
        if self.filtered is None:
            return self.document.lines
        return len(self.filtered.hits) + self._last_line_matches()

    def line_of(self, row: int) -> int:
        if self.filtered is None:
            return row
        return self.filtered.hits[row] if row < len(self.filtered.hits) else self.document.lines - 1

    def row_of(self, line: int) -> int:
        """The row of a line, or of the next line that is shown."""
        return line if self.filtered is None else bisect_left(self.filtered.hits, line)

    def _last_line_matches(self) -> bool:
        """Whether the unterminated last line, which may still change, matches the filter now."""
        document = self.document
        if self.filtered is None or document.lines == document.index.newlines or not self.filtered.at_end:
            return False
        return self.filtered.matcher.matches(text_of(document.line(document.lines - 1).data))
