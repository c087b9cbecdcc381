"""A line for the batches: how far each is and how long it will take."""

from textual.content import Content
from textual.widgets import Static

from iqa_train.text import format_duration
from iqa_tui.safe import content
from iqa_tui.state.board import BatchLine, Board
from iqa_tui.widgets.glyphs import meter

_METER = 8


class Batches(Static):
    """All batches in one line; those before the first that is not done give way where there is little room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._batches: tuple[BatchLine, ...] = ()

    def show(self, board: Board) -> None:
        """Show those of `board`."""
        if board.batches != self._batches:
            self._batches = board.batches
            self.display = bool(board.batches)
            self.refresh()

    def render(self) -> Content:
        """As many as there is room for."""
        shown: list[Content] = [_words(batch) for batch in self._batches]
        while len(shown) > 1 and sum(part.cell_length + 3 for part in shown) > self.size.width:
            done = next((n for n, batch in enumerate(self._batches[-len(shown) :]) if batch.state == "done"), None)
            shown.pop(0 if done == 0 else -1)
        return Content(" │ ").join(shown)


def _words(batch: BatchLine) -> Content:
    state = {"running": "", "waiting": " waiting", "done": " ✓ done", "": "", "stopped": " ■ stopped"}[batch.state]
    left = format_duration(batch.eta_s) if batch.state in {"running", "waiting"} else ""
    eta = f" ETA {left}" if left else ""
    return Content.assemble(
        content(batch.name), " ", (meter(batch.done, _METER), "$accent"), f" {100 * batch.done:3.0f} %{state}{eta}"
    )
