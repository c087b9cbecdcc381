"""The top line: the study, its progress and the time left; below it, what is wrong if something is."""

from textual.content import Content
from textual.widgets import Static

from iqa_train.runs.state_names import FINISHED, WAITING
from iqa_train.text import format_duration
from iqa_tui.safe import content
from iqa_tui.state.board import Board


class Headline(Static):
    """One line: the study on the left, its progress on the right."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("iqa", id=id, markup=False)
        self._board = Board()

    def show(self, board: Board) -> None:
        old, self._board = self._board, board
        if (self._words(old), progress_words(old)) != (self._words(board), progress_words(board)):
            self.refresh()

    def render(self) -> Content:
        """Both halves; the left one is cut if there is no room."""
        right = progress_words(self._board)
        room = self.size.width
        left = Content.assemble(
            ("iqa", "bold"), *(part for word in self._words(self._board) for part in (" · ", content(word)))
        )
        space = room - len(right) - 1
        if left.cell_length > space:
            left = left.truncate(max(0, space), ellipsis=True)
        return Content.assemble(left, " " * max(1, room - left.cell_length - len(right)), (right, "bold"))

    @staticmethod
    def _words(board: Board) -> list[str]:
        return [word for word in (board.dataset, board.study, board.title) if word]


def progress_words(board: Board) -> str:
    """Such as `Batch 1/3 · 2 running · 3 queued · ETA 0:41`."""
    if not board.read:
        return "reading"
    states = [line.state for line in board.lines]
    words = []
    at = next((n for n, batch in enumerate(board.batches, 1) if batch.state in {"running", "queued"}), None)
    if at is not None:
        words.append(f"Batch {at}/{len(board.batches)}")
    for name in ("running", "starting", "suspended", "queued", "retrying", "failed", "killed", "lost", "stopped"):
        if name in states:
            words.append(f"{states.count(name)} {name}")
    done = sum(state in FINISHED for state in states)
    if done:
        words.append(f"{done}/{len(states)} done")
    if board.paused:
        words.append("PAUSED")
    if board.seconds_left is not None:
        guess = any(line.row is not None and line.row.eta_is_guess for line in board.lines)
        words.append(f"ETA {'~' if guess else ''}{format_duration(board.seconds_left)}")
    return " · ".join(words) or "nothing started"


class ProblemLine(Static):
    """A line that is visible only while something is wrong."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.display = False
        self._words = ""

    def show(self, board: Board) -> None:
        """Show the most important problem, or hide."""
        words = problem_text(board)
        if words != self._words:
            self._words = words
            self.display = bool(words)
            self.update(content(words))


def problem_text(board: Board) -> str:
    """The most important problem in a sentence; empty if there is none."""
    if board.problem:
        return board.problem
    queued = sum(line.state in WAITING for line in board.lines)
    if queued and board.paused:
        return f"the queue is paused ({queued} queued); press p to resume"
    if board.scheduler_suspended:
        return f"the scheduler is {board.scheduler_suspended}"
    if board.slurm_silent:
        return board.slurm_silent
    if board.needs_scheduler:
        return f"{queued} queued, but no scheduler is running; press p to start one"
    if board.round_waits:
        return board.round_waits
    if board.more_rounds and board.scheduler_pid is None:
        return "no scheduler is running to queue the next round; press p to start one"
    lost = [line.device.label for line in board.devices.lines if line.device.lost]
    if lost:
        return f"{', '.join(lost)} cannot be used: {next(d.device.note for d in board.devices.lines if d.device.lost)}"
    return board.devices.problem
