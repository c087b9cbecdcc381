"""The line at the top: which study, how it is doing, when it will be done; and what is wrong, where something is."""

from textual.content import Content
from textual.widgets import Static

from iqa_train.text import format_duration
from iqa_tui.safe import content
from iqa_tui.state.board import Board


class Headline(Static):
    """One line, the study at its left and its progress at its right."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("iqa", id=id, markup=False)
        self._board = Board()

    def show(self, board: Board) -> None:
        """Show how `board` stands."""
        before, self._board = self._board, board
        if (self._words(before), progress_words(before)) != (self._words(board), progress_words(board)):
            self.refresh()

    def render(self) -> Content:
        """Left and right, the left one cut where there is little room."""
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
    at = next((n for n, batch in enumerate(board.batches, 1) if batch.state in {"running", "waiting"}), None)
    if at is not None:
        words.append(f"Batch {at}/{len(board.batches)}")
    for name in ("running", "starting", "queued", "failed", "killed", "lost"):
        if name in states:
            words.append(f"{states.count(name)} {name}")
    done = sum(state in {"completed", "stopped-early"} for state in states)
    if done:
        words.append(f"{done}/{len(states)} done")
    if board.paused:
        words.append("PAUSED")
    if board.seconds_left is not None:
        guess = any(line.row is not None and line.row.eta_is_guess for line in board.lines)
        words.append(f"ETA {'~' if guess else ''}{format_duration(board.seconds_left)}")
    return " · ".join(words) or "nothing started"


class Trouble(Static):
    """A line that is there only while something is wrong that a person should know."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.display = False
        self._words = ""

    def show(self, board: Board) -> None:
        """Say the most important of what is wrong, or vanish."""
        words = trouble_words(board)
        if words != self._words:
            self._words = words
            self.display = bool(words)
            self.update(content(words))


def trouble_words(board: Board) -> str:
    """What is wrong, in a sentence; empty when nothing is."""
    if board.problem:
        return board.problem
    waiting = sum(line.state == "queued" for line in board.lines)
    if waiting and board.paused:
        return f"the queue is paused: {waiting} waiting; p goes on"
    if board.scheduler_suspended:
        return f"the scheduler is {board.scheduler_suspended}"
    if waiting and board.scheduler_pid is None:
        return f"{waiting} waiting, and no scheduler is running; p starts one"
    lost = [line.device.label for line in board.devices.lines if line.device.lost]
    if lost:
        return f"{', '.join(lost)} cannot be used: {next(d.device.note for d in board.devices.lines if d.device.lost)}"
    return board.devices.trouble
