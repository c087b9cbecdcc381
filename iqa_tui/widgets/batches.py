"""The progress of each batch, in one line."""

from textual.content import Content
from textual.widgets import Static

from iqa_train.text import format_duration
from iqa_tui.safe import content
from iqa_tui.state.board import BatchLine, Board
from iqa_tui.widgets.glyphs import meter

_METER = 8


class Batches(Static):
    """All batches in one line; where there is no room, finished ones are counted (`✓ 1`), then the last (`+2`)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._batches: tuple[BatchLine, ...] = ()

    def show(self, board: Board) -> None:
        if board.batches != self._batches:
            self._batches = board.batches
            self.display = bool(board.batches)
            self.refresh()

    def render(self) -> Content:
        first, last = 0, len(self._batches)
        while last - first > 1 and self._line(first, last).cell_length > self.size.width:
            if self._batches[first].state == "done":
                first += 1
            else:
                last -= 1
        return self._line(first, last)

    def _line(self, first: int, last: int) -> Content:
        """The batches from `first` up to `last`, and the numbers of those before, which are done, and after."""
        before = [content(f"✓ {first}", "$text-muted")] if first else []
        left = len(self._batches) - last
        after = [content(f"+{left}", "$text-muted")] if left else []
        return Content(" │ ").join([*before, *map(_words, self._batches[first:last]), *after])


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
