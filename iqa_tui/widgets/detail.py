"""Details of the selected run: the reason of its state, and its verdict in sentences."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_train.runs.kind import RunKind
from iqa_tui.safe import content
from iqa_tui.state.board import Board, RunLine

if TYPE_CHECKING:
    from iqa_train.scheduler.overview import Row


class Detail(Static):
    """One or two lines below the table."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._shown = ""

    def show(self, board: Board, line: RunLine | None) -> None:
        words = detail_words(board, line)
        if words != self._shown:
            self._shown = words
            self.update(_styled(words, line))


def _meaning(row: "Row", *, paused: bool) -> str:
    """What Slurm's reason means."""
    if row.job is None or not row.job.reason:
        return ""
    from iqa_train.slurm.reasons import meaning

    return meaning(row.job, paused=paused)


def _styled(words: str, line: RunLine | None) -> Content:
    name = line.experiment if line else ""
    return Content.assemble(content(name, "bold"), content(words.removeprefix(name)))


def detail_words(board: Board, line: RunLine | None) -> str:
    """The state with its reason, the verdict with its reasons, and a note."""
    if line is None:
        return "; ".join(board.notes)
    row = line.row
    state = line.state or "not started"
    parts = [f"{line.experiment}: {state}"]
    if line.result is not None:
        parts.append(RunKind(line.result.kind, line.result.about).words)
        parts += line.result.notes if line.external and line.result.value is None else ()
    if row is not None:
        stage = row.progress.stage if line.is_open else ""
        parts.append(row.reason or stage)
        parts.append(_meaning(row, paused=board.paused))
    if not line.planned:
        parts.append("the study file now has other settings, so this run's results are not in the table")
    elif line.result is None or line.result.value is not None:  # otherwise the state says why
        parts += board.reasons.get(line.experiment, ())
    parts.append(row.note if row is not None else "")
    return "; ".join(part for part in parts if part)
