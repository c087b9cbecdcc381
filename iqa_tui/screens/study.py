"""The main screen: the study's runs, what they run on, how they learn, and the log of the chosen one."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Footer

from iqa_tui.actions.action_screen import ActingScreen, ActionContext, Notice
from iqa_tui.logview import LogPane
from iqa_tui.screens.pager import page
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.batches import Batches
from iqa_tui.widgets.curves import Curves
from iqa_tui.widgets.detail import Detail
from iqa_tui.widgets.devices import DevicePane
from iqa_tui.widgets.headline import Headline, Trouble
from iqa_tui.widgets.logtabs import LogTabs
from iqa_tui.widgets.run_table import RunTable

if TYPE_CHECKING:
    from textual.binding import ActiveBinding

    from iqa_tui.app import Console


class StudyScreen(ActingScreen):
    """Reads the board that the app holds; asks the app for everything that is more than looking."""

    CSS_PATH = "study.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tight"), (60, "-narrow"), (140, "-wide")]  # noqa: RUF012 (as Textual has it)
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (15, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"log({n})", f"Log {n}", show=False, id=f"logs.{n}") for n in range(1, 10)),
        Binding("]", "step(1)", "Next log", show=False, id="logs.next", tooltip="Show the next run's log"),
        Binding("[", "step(-1)", "Previous log", show=False, id="logs.previous", tooltip="Show the run before's log"),
        Binding("slash", "find('search')", "Search", key_display="/", id="log.search", tooltip="Search in the log"),
        Binding("ampersand", "find('filter')", "Filter", key_display="&", show=False, id="log.filter"),
        Binding("f", "follow", "Follow", show=False, id="log.follow", tooltip="Follow the log's end"),
        Binding("w", "wrap", "Wrap", show=False, id="log.wrap", tooltip="Break long lines, or cut them off"),
        Binding(
            "v", "plot", "Plot/log", id="view.plot", tooltip="The plot of SRCC by epoch in the log's place, and back"
        ),
        Binding("z", "zoom", "Zoom", id="view.zoom", tooltip="Give the whole screen to what has the focus, and back"),
        Binding("o", "pager", "Pager", show=False, id="log.pager", tooltip="The log in $PAGER"),
        Binding(
            "c", "compare", "Compare", show=False, id="view.compare", tooltip="Two runs or two studies side by side"
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="study")
        self._keys_of_logs: tuple[str | None, str | None] = (None, None)
        self._table_height = 0

    def compose(self) -> ComposeResult:
        """From the top down."""
        yield Headline(id="headline")
        yield Trouble(id="trouble")
        with Vertical(id="top"):
            yield RunTable(id="runs")
            yield Detail(id="detail")
            yield Batches(id="batches")
        with Container(id="below"):
            with Vertical(id="side"):
                yield DevicePane(id="devices")
                yield Curves(id="curves")
            with Vertical(id="logs"):
                yield LogTabs(id="tabs")
                yield LogPane(id="log")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show every board that the app comes to have."""
        self.query_one(RunTable).focus()
        self.watch(self.app, "board", self._show)

    @property
    def chosen(self) -> RunLine | None:
        """The run that the cursor is on."""
        return self.query_one(RunTable).line

    @property
    def marked(self) -> set[str]:
        """Keys of the marked runs."""
        return self.query_one(RunTable).marked

    @property
    def console(self) -> "Console":
        """The app that this screen is made for."""
        from iqa_tui.app import Console

        assert isinstance(self.app, Console)
        return self.app

    @property
    def active_bindings(self) -> "dict[str, ActiveBinding]":
        """What the footer and the palette offer: not what a console that only looks would refuse."""
        found = super().active_bindings
        if not self.console.readonly:
            return found
        acting = {b.id for b in ActingScreen.BINDINGS if isinstance(b, Binding) and b.id != "app.messages"}
        return {key: active for key, active in found.items() if active.binding.id not in acting}

    def sight(self) -> ActionContext:
        """What the keys act on."""
        app = self.console
        return ActionContext(app.board, app.target, self.chosen, frozenset(self.marked), app.readonly)

    def acted(self, said: Notice) -> None:
        """What was done is to be seen at once."""
        del said
        self.console.look_now()

    def _show(self, board: Board) -> None:
        table = self.query_one(RunTable)
        table.board = board
        height = min(len(board.lines), self._most_rows()) + 1
        if height != self._table_height:
            table.styles.height = self._table_height = height
        self.query_one(Headline).show(board)
        self.query_one(Trouble).show(board)
        self.query_one(Batches).show(board)
        self.query_one(DevicePane).show(board)
        self._show_chosen(board)

    def _most_rows(self) -> int:
        """The table's share of the screen: the log needs some, too."""
        return max(3, self.size.height * 2 // 5)

    def _show_chosen(self, board: Board) -> None:
        line = self.query_one(RunTable).line
        self.query_one(Detail).show(board, line)
        self.query_one(Curves).show(board, line)
        self.query_one(LogTabs).show(board, line.key if line else None)
        shown = (line.key if line else None, str(line.log) if line and line.log else None)
        if line is not None and shown != self._keys_of_logs:
            self._keys_of_logs = shown
            self.query_one(LogPane).show(line.experiment, line.log)

    def on_run_table_chosen(self) -> None:
        """The log, the plot and the words follow the cursor."""
        self._show_chosen(self.query_one(RunTable).board)

    def on_run_table_opened(self, message: RunTable.Opened) -> None:
        """Everything about that run; from there one can come back to its log."""
        from iqa_tui.screens.run import RunScreen  # the first picture does without

        self.app.push_screen(RunScreen(message.line.key), self._to_log)

    def action_compare(self) -> None:
        """The two that are marked; else the chosen run and the baseline."""
        from iqa_tui.screens.compare import CompareScreen, first_two

        self.app.push_screen(CompareScreen(self.sight(), *first_two(self.sight())))

    def go_to(self, key: str) -> None:
        """Put the cursor on a run."""
        self.query_one(RunTable).choose(key)

    def _to_log(self, key: str | None) -> None:
        if key is not None:
            self.go_to(key)
            self.remove_class("-plot")
            self.query_one(LogPane).view.focus()

    def on_log_tabs_picked(self, message: LogTabs.Picked) -> None:
        """A click on a tab is as good as the key."""
        self.query_one(RunTable).choose(message.key)

    def action_log(self, number: int) -> None:
        """Choose the run of that number."""
        lines = self.query_one(RunTable).board.lines
        if number <= len(lines):
            self.query_one(RunTable).choose(lines[number - 1].key)

    def action_step(self, by: int) -> None:
        """Choose the next run or the one before, round and round."""
        table = self.query_one(RunTable)
        lines = table.board.lines
        if lines:
            at = next((n for n, line in enumerate(lines) if line.key == table.chosen), 0)
            table.choose(lines[(at + by) % len(lines)].key)

    def action_find(self, what: str) -> None:
        """Search or filter in the log, wherever the focus is."""
        self.remove_class("-plot")
        self.query_one(LogPane).ask(what)

    def action_follow(self) -> None:
        """Take up following again."""
        self.query_one(LogPane).view.action_follow()

    def action_wrap(self) -> None:
        """Break long lines of the log, or cut them off."""
        self.query_one(LogPane).view.action_wrap()

    def action_plot(self) -> None:
        """The plot in the log's place, and back."""
        self.toggle_class("-plot")

    def action_zoom(self) -> None:
        """The whole screen for the pane that has the focus, and back."""
        self.toggle_class("-zoom")
        within = self.focused is not None and any(node.id == "below" for node in self.focused.ancestors)
        self.set_class(within, "-zoom-below")

    async def action_pager(self) -> None:
        """The log in the pager of the user's choice."""
        line = self.chosen
        if line is None or line.log is None:
            self.notify("there is no log yet", markup=False)
            return
        try:
            with self.app.suspend():
                problem = page(line.log)
        except SuspendNotSupported:
            problem = f"a browser has no pager; the log is {line.log}"
        if problem:
            self.notify(problem, severity="error", markup=False)
