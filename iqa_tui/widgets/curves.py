"""The pane that plots SRCC by epoch."""

from textual.content import Content
from textual.widgets import Static

from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.plot import Plot, draw


class Curves(Static, can_focus=True):
    """Redrawn only when a curve, the selected run or the size has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.border_title = "Test SRCC by epoch"
        self._plot = Plot(())

    def show(self, board: Board, line: RunLine | None) -> None:
        """Show the curves of `board`; `line` is the selected run."""
        result = line.result if line else None
        plot = Plot(
            board.curves,
            board.baseline,
            line.experiment if line else "",
            result.expected if result else None,
            max((x.row.progress.epochs or 0 for x in board.lines if x.row), default=0),
        )
        self.put(plot)

    def put(self, plot: Plot) -> None:
        """Show `plot`."""
        if plot != self._plot:
            self._plot = plot
            self.refresh()

    def render(self) -> Content:
        size = self.content_size
        return Content("\n").join(draw(self._plot, size.width, size.height)) if size.width else Content("")
