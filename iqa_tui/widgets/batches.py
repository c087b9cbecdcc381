"""The progress of each batch, in one line."""

from textual.content import Content
from textual.widgets import Static

from iqa_train.text import format_duration
from iqa_tui.safe import content
from iqa_tui.state.board import BatchLine, Board
from iqa_tui.widgets.glyphs import meter

_METER = 8


class Batches(Static):
    """All batches in one line; finished ones are dropped first if there is no room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._batches: tuple[BatchLine, ...] = ()

    def show(self, board: Board) -> None:
        if board.batches != self._batches:
            self._batches = board.batches
            self.display = bool(board.batches)
            self.refresh()

    def render(self) -> Content:
        shown: list[Content] = [_words(batch) for batch in self._batches]
        while len(shown) > 1 and sum(part.cell_length + 3 for part in shown) > self.size.width:
            done = next((n for n, batch in enumerate(self._batches[-len(shown) :]) if batch.state == "done"), None)
            shown.pop(0 if done == 0 else -1)
        return Content(" │ ").join(shown)


def _words(batch: BatchLine) -> Content:
    state = {"running": "", "queued": " queued", "done": " ✓ done", "": ""}[batch.state]
    state += f" {batch.without_result}" if batch.without_result else ""
    eta = (
        f" ETA {'~' if batch.eta_is_guess else ''}{format_duration(batch.eta_s)}"
        if batch.eta_s is not None and batch.state in {"running", "queued"}
        else ""
    )
    return Content.assemble(
        content(batch.name), " ", (meter(batch.done, _METER), "$accent"), f" {100 * batch.done:3.0f} %{state}{eta}"
    )
