"""The line below the table: what the verdicts of the study speak of, and where it is in its design."""

from typing import TYPE_CHECKING

from textual.widgets import Static

from iqa_train.text import join_names
from iqa_tui.safe import content
from iqa_tui.state.board import Board

if TYPE_CHECKING:
    from iqa_train.results.table import ResultRow, StudyResults

_NAMED = 3


class VerdictLine(Static):
    """Visible while the study has verdicts."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.display = False
        self._words = ""

    def show(self, board: Board) -> None:
        """Show what holds for all verdicts, or hide."""
        words = verdict_words(board.results)
        if words != self._words:
            self._words = words
            self.display = bool(words)
            self.update(content(words))


def verdict_words(results: "StudyResults | None") -> str:
    """Where the study is in its design, whether its verdicts count, and what they cover; "" without any of these."""
    if results is None:
        return ""
    tested = [row for row in results.measured.values() if row.distinguishable is not None]
    if not tested and not results.progress:
        return ""
    return " · ".join(filter(None, [results.progress, *_counting(results), *(_scope(tested) if tested else [])]))


def _counting(results: "StudyResults") -> list[str]:
    """Why verdicts promise less than they seem to."""
    from iqa_train.stats.registry import METRICS

    words = []
    if results.exploratory:
        words.append(f"exploratory: {results.exploratory}")
    if results.secondary:
        shown, primary = METRICS[results.metric].label, METRICS[results.primary].label
        words.append(f"{shown} is secondary and not adjusted (primary: {primary})")
    return words


def _scope(tested: "list[ResultRow]") -> list[str]:
    """Which verdicts are about runs, and whose spread over seeds the others use."""
    runs = [row.experiment for row in tested if row.scope == "runs"]
    if len(runs) == len(tested):
        return ["one seed each: verdicts are about runs, not components"]
    words = []
    if runs:
        words.append(f"{join_names(runs, most=_NAMED)}: one seed, about runs and not components")
    if any(row.scope == "component" and not row.borrowed for row in tested):
        words.append(f"{'the others' if runs else 'verdicts'} cover test images and seeds")
    for lender in dict.fromkeys(row.borrowed for row in tested if row.borrowed):
        names = join_names([row.experiment for row in tested if row.borrowed == lender], most=_NAMED)
        words.append(f"{names}: seed spread borrowed from {lender}")
    return words
