"""The main screen: the study's runs, the devices, SRCC by epoch, and the log of the selected run."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from iqa_tui.actions.notice import ActionContext, Notice
from iqa_tui.host import ConsoleApp, console_of
from iqa_tui.logview import LogPane
from iqa_tui.screens.action_screen import ActionScreen
from iqa_tui.screens.idle_keys import idle_keys
from iqa_tui.state.attempt_log import AttemptChoice, AttemptLog
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.batches import Batches
from iqa_tui.widgets.curves import Curves
from iqa_tui.widgets.detail import Detail
from iqa_tui.widgets.devices import DevicePane
from iqa_tui.widgets.headline import Headline, ProblemLine
from iqa_tui.widgets.key_bar import KeyBar
from iqa_tui.widgets.logtabs import LogTabs
from iqa_tui.widgets.run_filter import RunFilter
from iqa_tui.widgets.run_table import RunTable
from iqa_tui.widgets.verdict_line import VerdictLine

if TYPE_CHECKING:
    pass
_PLOT = "Plot the next of SRCC, validation SRCC, loss, learning rate; where there is no room, in place of the log"
_HALF_FROM = 200  # columns of the screen, of which they have half
_DEFAULT_PAGER = "less -R +G"


class StudyScreen(ActionScreen):
    """Shows the app's board; actions go through ActionScreen and the app."""

    CSS_PATH = "study.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tight"), (60, "-narrow"), (140, "-wide")]  # noqa: RUF012 (as Textual has it)
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (15, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"log({n})", f"Log {n}", show=False, id=f"logs.{n}") for n in range(1, 10)),
        Binding("]", "step(1)", "Next log", show=False, id="logs.next", tooltip="Show the next run's log"),
        Binding("[", "step(-1)", "Previous log", show=False, id="logs.previous", tooltip="Show the previous run's log"),
        Binding("<", "attempt(-1)", "Earlier attempt", id="log.earlier", tooltip="Log of the attempt before"),
        Binding(">", "attempt(1)", "Later attempt", id="log.later", tooltip="Log of the attempt after it"),
        Binding("slash", "find('search')", "Search", key_display="/", id="log.search", tooltip="Search the log"),
        Binding("ampersand", "find('filter')", "Filter", key_display="&", show=False, id="log.filter"),
        Binding("f", "follow", "Follow", show=False, id="log.follow", tooltip="Follow the end of the log"),
        Binding("w", "wrap", "Wrap", show=False, id="log.wrap", tooltip="Wrap long lines, or cut them off"),
        Binding("v", "plot", "Plot", id="view.plot", tooltip=_PLOT),
        Binding("z", "zoom", "Zoom", id="view.zoom", tooltip="Enlarge the focused pane to the whole screen, and back"),
        Binding("o", "pager", "Pager", show=False, id="log.pager", tooltip="Open the log in $PAGER"),
        Binding("Q", "queue", "Queue", show=False, id="view.queue", tooltip="The queue: order, reasons, changes, undo"),
        Binding("c", "compare", "Compare", show=False, id="view.compare", tooltip="Compare two runs or two studies"),
    ]

    def __init__(self) -> None:
        super().__init__(id="study")
        self._attempts = AttemptChoice()
        self._shown_log: tuple[str | None, AttemptLog | None] = (None, None)  # key of its run
        self._table_height = 0

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield ProblemLine(id="problem")
        with Vertical(id="top"):
            yield RunTable(id="runs")
            yield RunFilter(id="filter")
            yield VerdictLine(id="verdicts")
            yield Detail(id="detail")
            yield Batches(id="batches")
        with Container(id="below"):
            with Vertical(id="side"):
                yield DevicePane(id="devices")
                yield Curves(id="curves")
            with Vertical(id="logs"):
                yield LogTabs(id="tabs")
                yield LogPane(id="log")
        yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Show each new board of the app."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "board", self._show)

    def on_resize(self) -> None:
        """On a very wide screen, half of it is for devices and plot."""
        self.set_class(self.size.width >= _HALF_FROM, "-half")

    @property
    def selected(self) -> RunLine | None:
        """The run under the cursor."""
        return self.query_one(RunTable).line

    @property
    def marked(self) -> set[str]:
        """Keys of the marked runs, and of the runs of marked experiments."""
        return self.query_one(RunTable).marked_runs

    @property
    def console(self) -> ConsoleApp:
        """The app, as the console."""
        return console_of(self.app)

    def current_context(self) -> ActionContext:
        app = self.console
        table = self.query_one(RunTable)
        return ActionContext(
            app.board, app.target, self.selected, frozenset(self.marked), app.readonly, table.chosen, app.queue_changes
        )

    def after_action(self, notice: Notice) -> None:
        """Show at once what an action has changed."""
        self.console.look_now()

    def _show(self, board: Board) -> None:
        table = self.query_one(RunTable)
        table.board = board
        self._fit_table()
        self.query_one(Headline).show(board)
        self.query_one(ProblemLine).show(board)
        self.query_one(VerdictLine).show(board)
        self.query_one(Batches).show(board)
        self.query_one(DevicePane).show(board)
        self._show_selected(board)

    def _fit_table(self) -> None:
        table = self.query_one(RunTable)
        self.query_one(RunFilter).show(table.words, len(table.entries), table.total)
        height = min(table.total, self._most_rows()) + 1
        if height != self._table_height:
            table.styles.height = self._table_height = height

    def on_run_table_resized(self) -> None:
        self._fit_table()

    def on_run_table_copy_requested(self, message: RunTable.CopyRequested) -> None:
        """Ask what to copy, and copy it through the terminal."""
        from iqa_tui.screens.copy import CopyScreen, copy_options

        options = copy_options(message.line, self.console.target, message.heads, message.cells)
        self.app.push_screen(CopyScreen(options), self._copy)

    def _copy(self, text: str | None) -> None:
        if text is not None:
            self.app.copy_to_clipboard(text)
            self.notify("copied, if the terminal allows it", markup=False)

    def on_run_table_filter_requested(self) -> None:
        self.query_one(RunFilter).ask()

    def on_run_filter_changed(self, message: RunFilter.Changed) -> None:
        self.query_one(RunTable).filter(message.words)

    def on_run_filter_left(self) -> None:
        self.query_one(RunTable).focus()
        self._fit_table()

    def _most_rows(self) -> int:
        """The table's share of the screen; the log needs the rest."""
        return max(3, self.size.height * 2 // 5)

    def _show_selected(self, board: Board) -> None:
        table = self.query_one(RunTable)
        line = table.line
        self.query_one(Detail).show(board, table.entry, readonly=self.console.readonly)
        self.query_one(Curves).show(board, line, self.marked)
        self.query_one(LogTabs).show(board, line.key if line else None)
        self._show_keys(board, table)
        if line is not None:
            self._show_log(line)

    def _show_log(self, line: RunLine) -> None:
        log, (key, before) = self._attempts.log(line), self._shown_log
        pane = self.query_one(LogPane)
        if (line.key, log.path) != (key, before.path if before else None):
            pane.show(log.title, log.path)
        pane.describe(log.title, ended=log.ended)
        self._shown_log = line.key, log

    def _show_keys(self, board: Board, table: RunTable) -> None:
        marked = self.marked
        runs = [line for line in board.lines if line.key in marked] or table.chosen
        has_log = table.line is not None and table.line.log is not None
        words = {"queue.pause": "Resume"} if board.paused or board.needs_scheduler else {}
        self.query_one(KeyBar).show(idle_keys(board, runs, has_log), words)

    def on_run_table_selected(self) -> None:
        """The log, the plot and the detail follow the cursor."""
        self._show_selected(self.query_one(RunTable).board)

    def on_run_table_opened(self, message: RunTable.Opened) -> None:
        """Show everything about that run."""
        from iqa_tui.screens.run import RunScreen  # imported late: the first screen does not need it

        entry = message.entry
        marked = self.marked & {run.key for run in entry.runs} and self.marked
        others = marked or (tuple(run.key for run in entry.runs) if entry.kind == "experiment" else ())
        self.app.push_screen(RunScreen(entry.run.key, others), self._to_log)

    def action_compare(self) -> None:
        """Compare the two marked runs, else the selected run and the baseline."""
        from iqa_tui.screens.compare import CompareScreen, first_two

        self.app.push_screen(CompareScreen(self.current_context(), *first_two(self.current_context())))

    def action_queue(self) -> None:
        """Show the queue of the runs folder."""
        from iqa_tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen())

    def go_to(self, key: str) -> None:
        """Move the cursor to a run."""
        self.query_one(RunTable).select(key)

    def _to_log(self, key: str | None) -> None:
        if key is not None:
            self.go_to(key)
            self.remove_class("-plot")
            self.query_one(LogPane).view.focus()

    def on_log_tabs_tab_selected(self, message: LogTabs.TabSelected) -> None:
        self.query_one(RunTable).select(message.key)

    def action_log(self, number: int) -> None:
        """Select the run with that number."""
        lines = self.query_one(RunTable).board.lines
        if number <= len(lines):
            self.query_one(RunTable).select(lines[number - 1].key)

    def action_step(self, by: int) -> None:
        """Select the next or previous run, wrapping round."""
        table = self.query_one(RunTable)
        lines = table.board.lines
        if lines:
            at = next((n for n, line in enumerate(lines) if line == table.line), 0)
            table.select(lines[(at + by) % len(lines)].key)

    def action_find(self, what: str) -> None:
        """Search or filter in the log, from anywhere but the table."""
        self.remove_class("-plot")
        self.query_one(LogPane).ask(what)

    def action_attempt(self, by: int) -> None:
        """Show the log of an earlier or a later attempt at the selected run."""
        line = self.selected
        if line is not None and self._attempts.step(line, by):
            self._show_log(line)
        elif line is not None:
            self.notify(f"{line.experiment} has no {'earlier' if by < 0 else 'later'} attempt", markup=False)

    def action_follow(self) -> None:
        self.query_one(LogPane).view.action_follow()

    def action_wrap(self) -> None:
        self.query_one(LogPane).view.action_wrap()

    def action_plot(self) -> None:
        """Bring the plot to the screen; if it is there, plot the next quantity. After the last, show the log again."""
        curves = self.query_one(Curves)
        if not curves.display:
            self.add_class("-plot")
        elif curves.next_quantity():
            self.remove_class("-plot")

    def action_zoom(self) -> None:
        """Enlarge the focused pane to the whole screen, and back."""
        self.toggle_class("-zoom")
        within = self.focused is not None and any(node.id == "below" for node in self.focused.ancestors)
        self.set_class(within, "-zoom-below")
        self.set_class(isinstance(self.focused, Curves), "-zoom-plot")

    async def action_pager(self) -> None:
        """Open the log in the user's pager."""
        line = self.selected
        path = self._attempts.log(line).path if line is not None else None
        if path is None:
            self.notify("there is no log yet", markup=False)
            return
        try:
            with self.app.suspend():
                problem = _page(path)
        except SuspendNotSupported:
            problem = f"the pager does not work in a browser; the log is {path}"
        if problem:
            self.notify(problem, severity="error", markup=False)


def _page(path: Path) -> str:
    """Run $PAGER, `less` by default, on `path`; returns what went wrong, or nothing."""
    command = os.environ.get("PAGER") or _DEFAULT_PAGER
    try:
        words = shlex.split(command)
        subprocess.run([*words, str(path.absolute())], check=False)
    except (OSError, ValueError) as error:
        return f'PAGER="{command}" cannot be run: {error}; set PAGER to a program such as less'
    return ""
