"""The pane that plots SRCC, loss or learning rate by epoch."""

from collections.abc import Collection
from dataclasses import replace

from textual.content import Content
from textual.widgets import Static

from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.plot import draw
from iqa_tui.widgets.plot_data import QUANTITIES, Plot


class Curves(Static, can_focus=True):
    """Redrawn only when a curve, the selected run, what is plotted, or the size has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._plot = Plot(())
        self._entitle()

    def show(self, board: Board, line: RunLine | None, marked: Collection[str] = ()) -> None:
        """Show the curves of `board`; `line` is the selected run, `marked` are keys of runs to bring to the front."""
        result = line.result if line else None
        plot = Plot(
            board.curves,
            board.baseline,
            line.experiment if line else "",
            result.expected if result else None,
            max((x.row.progress.epochs or 0 for x in board.lines if x.row), default=0),
            marked=frozenset(x.experiment for x in board.lines if x.key in marked),
        )
        self.put(plot)

    def put(self, plot: Plot) -> None:
        """Show `plot`, of the quantity that is being shown."""
        plot = replace(plot, quantity=self._plot.quantity)
        if plot != self._plot:
            self._plot = plot
            self.refresh()

    def next_quantity(self) -> bool:
        """Plot the next of SRCC, validation SRCC, loss and learning rate; returns whether that is the first again."""
        names = list(QUANTITIES)
        at = (names.index(self._plot.quantity) + 1) % len(names)
        self._plot = replace(self._plot, quantity=names[at])
        self._entitle()
        self.refresh()
        return at == 0

    def _entitle(self) -> None:
        self.border_title = f"{QUANTITIES[self._plot.quantity].title} by epoch"

    def render(self) -> Content:
        size = self.content_size
        return Content("\n").join(draw(self._plot, size.width, size.height)) if size.width else Content("")
