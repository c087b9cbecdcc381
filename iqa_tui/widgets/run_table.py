"""The table of runs: a line for each experiment, which opens into its seeds; with cursor, marks, filter and order."""

from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from iqa_train.runs.state_names import ALIVE
from iqa_tui.state.board import Board, RunLine
from iqa_tui.state.table_lines import TableLine, table_lines
from iqa_tui.widgets.glyphs import COLOURS
from iqa_tui.widgets.run_columns import GAP, VERDICTS, Column, Grid, grid
from iqa_tui.widgets.table_order import ORDERS, STUDY, TROUBLE, arranged

_MARGIN = 2  # terminal columns on the left, for cursor and mark


class RunTable(ScrollView, can_focus=True):
    """Shows `board.lines`. The selection is a key, not a position, so that it stays when lines come and go.

    It is that of a run, or of an experiment with several seeds.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "runs--head", "runs--cursor", "runs--dim", "runs--accent", "runs--success", "runs--error", "runs--warning",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next", show=False, id="runs.next", tooltip="Select the next run"),
        Binding("k,up", "move(-1)", "Previous", show=False, id="runs.previous", tooltip="Select the previous run"),
        Binding("g,home", "end(False)", "First", show=False, id="runs.first", tooltip="Select the first run"),
        Binding("G,end", "end(True)", "Last", show=False, id="runs.last", tooltip="Select the last run"),
        Binding("pagedown", "page(1)", show=False, id="runs.page-down", tooltip="One page down"),
        Binding("pageup", "page(-1)", show=False, id="runs.page-up", tooltip="One page up"),
        Binding("space", "mark", "Mark", show=False, id="runs.mark", tooltip="Mark or unmark the run or experiment"),
        Binding(
            "plus",
            "open_seeds",
            "Seeds",
            key_display="+",
            show=False,
            id="runs.seeds",
            tooltip="Show or hide the seeds of the experiment",
        ),
        Binding("right", "open_seeds(True)", show=False, id="runs.seeds-show", tooltip="Show its seeds"),
        Binding("left", "open_seeds(False)", show=False, id="runs.seeds-hide", tooltip="Hide its seeds"),
        Binding(
            "slash",
            "filter",
            "Filter",
            key_display="/",
            show=False,
            id="runs.filter",
            tooltip="Show only runs with some words: name, title, state, seed or device",
        ),
        Binding(
            "S",
            "sort",
            "Sort",
            show=False,
            id="runs.sort",
            tooltip="Sort by state, value, difference or verdict, or as the study has them",
        ),
        Binding(
            "r",
            "next_in('running')",
            "Next running",
            show=False,
            id="runs.next-running",
            tooltip="Select the next running run",
        ),
        Binding(
            "exclamation_mark",
            "next_in('failed')",
            "Next failed",
            key_display="!",
            show=False,
            id="runs.next-failed",
            tooltip="Select the next run that has failed or is lost",
        ),
        Binding("y", "copy", "Copy", show=False, id="runs.copy", tooltip="Copy the run's folder, log, command or row"),
        Binding("escape", "unfilter", "All runs", show=False, id="runs.leave-filter", tooltip="Show all runs again"),
        Binding("enter", "open", "Details", show=False, id="runs.open", tooltip="Show details of the selected run"),
    ]

    board: reactive[Board] = reactive(Board, repaint=False)
    selected: reactive[str | None] = reactive(None, repaint=False)

    class Selected(Message):
        """Another line is selected."""

        def __init__(self, line: RunLine) -> None:
            super().__init__()
            self.line = line

    class Opened(Message):
        """The selected line is to be shown in full."""

        def __init__(self, entry: TableLine) -> None:
            super().__init__()
            self.entry = entry

    class Resized(Message):
        """The table has more or fewer lines."""

    class CopyRequested(Message):
        """Something about the selected run is to be copied; `heads` and `cells` of its row."""

        def __init__(self, line: RunLine, heads: tuple[str, ...], cells: tuple[str, ...]) -> None:
            super().__init__()
            self.line = line
            self.heads = heads
            self.cells = cells

    class FilterRequested(Message):
        """The words of a filter are to be typed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.marked: set[str] = set()
        self.opened: set[str] = set()
        self.entries: tuple[TableLine, ...] = ()
        self.total = 0  # lines without a filter
        self.order = STUDY
        self.words = ""  # of the filter
        self._grid: Grid = grid((), Board(), 80)

    @property
    def entry(self) -> TableLine | None:
        """The line under the cursor."""
        return self._entry(self.selected)

    @property
    def line(self) -> RunLine | None:
        """The run under the cursor; of an experiment, the one whose log is shown."""
        return self.entry.run if self.entry is not None else None

    @property
    def chosen(self) -> tuple[RunLine, ...]:
        """The run under the cursor, or the runs of the experiment."""
        return self.entry.runs if self.entry is not None else ()

    @property
    def marked_runs(self) -> set[str]:
        """The keys of the marked runs, and of the runs of marked experiments."""
        return {run.key for entry in table_lines(self.board.lines) for run in entry.runs
                if run.key in self.marked or entry.key in self.marked}  # fmt: skip

    def watch_board(self, old: Board, new: Board) -> None:
        """Lay the table out again if its lines have changed."""
        if old.lines is new.lines:
            return
        self.entries = self._arranged(new)
        self.marked &= {line.key for line in new.lines} | {entry.key for entry in table_lines(new.lines)}
        self._select_shown()
        if self.size.width:
            old_grid = self._grid
            self._grid = self._laid_out(new, self.size.width)
            if old_grid != self._grid:
                self._fit()
                self.refresh()

    def _arranged(self, board: Board) -> tuple[TableLine, ...]:
        entries = table_lines(board.lines, self.opened)
        self.total = len(entries)
        return arranged(entries, board, self.order, self.words) if self.words or self.order != STUDY else entries

    def _select_shown(self) -> None:
        """Another line, if the selected one is not shown."""
        if self.entries and self.entry is None:
            self.selected = self.entries[0].key
            self.post_message(self.Selected(self.entries[0].run))

    def _laid_out(self, board: Board, width: int) -> Grid:
        found = grid(self.entries, board, width - _MARGIN)
        sorted_by = {self.order, f"short-{self.order}"}
        columns = tuple(
            replace(column, head=_sorted_head(column.head, width)) if column.key in sorted_by else column
            for column, width in zip(found.columns, found.widths, strict=True)
        )
        return replace(found, columns=columns)

    def on_resize(self, event: events.Resize) -> None:
        self._grid = self._laid_out(self.board, event.size.width)
        self._fit()
        self.refresh()

    def select(self, key: str) -> None:
        """Move the cursor to a line, if it exists; to a seed that is not shown, after opening its experiment."""
        if self._entry(key) is None and self.board.line(key) is not None:
            if not any(run.key == key for entry in self.entries for run in entry.runs):
                self.filter("")
            parent = next(entry for entry in self.entries if any(run.key == key for run in entry.runs))
            self._set_open(parent, opened=True)
        entry = self._entry(key)
        if entry is None or key == self.selected:
            return
        self.selected = key
        self._scroll_to_cursor()
        self.refresh()
        self.post_message(self.Selected(entry.run))

    def action_open_seeds(self, opened: bool | None = None) -> None:
        """Show or hide the seeds of the experiment under the cursor."""
        entry = self.entry
        if entry is None or entry.kind == "run":
            return
        parent = next(one for one in self.entries if one.kind == "experiment" and entry.run in one.runs)
        wanted = not parent.opened if opened is None else opened
        if wanted != parent.opened:
            self._set_open(parent, opened=wanted)

    def _set_open(self, parent: TableLine, *, opened: bool) -> None:
        self.opened = self.opened | {parent.key} if opened else self.opened - {parent.key}
        if not opened and self.selected in {run.key for run in parent.runs}:
            self.selected = parent.key
        self._arrange()
        self.post_message(self.Selected(parent.run))

    def _arrange(self) -> None:
        """After another filter or order, or seeds opened or closed."""
        self.entries = self._arranged(self.board)
        self._select_shown()
        self._grid = self._laid_out(self.board, self.size.width or 80)
        self._fit()
        self.post_message(self.Resized())
        self._scroll_to_cursor()
        self.refresh()

    def action_copy(self) -> None:
        if self.line is not None:
            heads = tuple(column.head for column in self._grid.columns)
            self.post_message(self.CopyRequested(self.line, heads, self._grid.cells[self._at()]))

    def action_filter(self) -> None:
        self.post_message(self.FilterRequested())

    def filter(self, words: str) -> None:
        """Show only lines with all of these words; all lines without any."""
        if words != self.words:
            self.words = words
            self._arrange()

    def action_unfilter(self) -> None:
        self.filter("")

    def action_sort(self) -> None:
        """The next order."""
        orders = list(ORDERS)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self._arrange()
        self.notify(
            f"sorted by {ORDERS[self.order]}" if self.order != STUDY else "in the order of the study", timeout=2
        )

    def action_next_in(self, what: str) -> None:
        """Select the next line with a run that is running, or has failed; after the last, from the top."""
        states = ALIVE if what == "running" else TROUBLE
        at = self._at()
        for entry in (*self.entries[at + 1 :], *self.entries[: at + 1]):
            if any(run.state in states for run in entry.runs):
                self.select(entry.key)
                return
        self.notify("no run is running" if what == "running" else "no run has failed", timeout=2)

    def _entry(self, key: str | None) -> TableLine | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def action_move(self, by: int) -> None:
        """Move the cursor within the table."""
        if self.entries:
            at = min(len(self.entries) - 1, max(0, self._at() + by))
            self.select(self.entries[at].key)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))

    def action_end(self, last: bool) -> None:
        self.action_move(len(self.entries) if last else -len(self.entries))

    def action_mark(self) -> None:
        """Mark or unmark the line, and move to the next."""
        if self.selected is not None:
            self.marked ^= {self.selected}
            self.refresh()
            self.action_move(1)

    def action_open(self) -> None:
        if self.entry is not None:
            self.post_message(self.Opened(self.entry))

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one shows the details."""
        at = event.y - 1 + self.scroll_offset.y
        if event.y > 0 and 0 <= at < len(self.entries):
            entry = self.entries[at]
            if entry.key == self.selected and event.chain > 1:
                self.action_open()
            self.select(entry.key)

    def render_line(self, y: int) -> Strip:
        """The header stays; the lines below it scroll."""
        if y == 0:
            return self._strip("  ", [c.head for c in self._grid.columns], self.get_component_rich_style("runs--head"))
        at = y - 1 + self.scroll_offset.y
        if at >= len(self._grid.cells):
            return Strip.blank(self.size.width, self.rich_style)
        entry = self.entries[at]
        is_selected = entry.key == self.selected
        begun = any(run.state for run in entry.runs)
        style = self.rich_style if begun else self.get_component_rich_style("runs--dim")
        if is_selected:
            style += self.get_component_rich_style("runs--cursor")
        mark = ("▸" if is_selected else " ") + ("*" if self._is_marked(entry) else " ")
        return self._strip(mark, self._grid.cells[at], style, entry)

    def _is_marked(self, entry: TableLine) -> bool:
        """Also of a seed whose experiment is marked, and of an experiment that is closed over a marked seed."""
        if entry.kind == "experiment":
            return entry.key in self.marked or (not entry.opened and any(run.key in self.marked for run in entry.runs))
        return bool({entry.key, str(entry.run.run.path.parent)} & self.marked)

    def _strip(
        self, mark: str, cells: "list[str] | tuple[str, ...]", style: Style, entry: TableLine | None = None
    ) -> Strip:
        segments = [Segment(mark, style)]
        for column, width, text in zip(self._grid.columns, self._grid.widths, cells, strict=True):
            segments.append(Segment(_cell(column, text, width) + " " * GAP, self._styled(column, entry, style)))
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _styled(self, column: Column, entry: TableLine | None, style: Style) -> Style:
        """The style of a cell: state and verdict are coloured."""
        colour = None
        if entry is not None and column.key == "state":
            colours = {COLOURS.get(run.state_name) for run in entry.runs}
            colour = next((name for name in ("error", "warning", "accent", "success") if name in colours), None)
        if entry is not None and column.key in VERDICTS and entry.result and entry.result.better is not None:
            colour = "success" if entry.result.better else "warning"  # of a component; runs alone have neither
        if colour is None:
            return style
        return style + Style(color=self.get_component_rich_style(f"runs--{colour}", partial=True).color)

    def _at(self) -> int:
        return next((n for n, entry in enumerate(self.entries) if entry.key == self.selected), 0)

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._grid.cells) + 1)

    def _scroll_to_cursor(self) -> None:
        at = self._at()
        room = max(1, self.size.height - 1)
        if at < self.scroll_offset.y:
            self.scroll_to(y=at, animate=False)
        elif at >= self.scroll_offset.y + room:
            self.scroll_to(y=at - room + 1, animate=False)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Repaint all lines but the header."""
        super().watch_scroll_y(old, new)
        self.refresh(Region(0, 1, self.size.width, self.size.height))


def _sorted_head(head: str, width: int) -> str:
    return f"{head} ▾" if len(head) + 2 <= width else f"{head[: width - 1]}▾"


def _cell(column: Column, text: str, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)).rstrip() + "…"
    fill = " " * (width - cell_len(text))
    return fill + text if column.right else text + fill
