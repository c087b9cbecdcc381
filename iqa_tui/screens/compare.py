"""Compares two runs or two studies side by side: their settings, their results and the difference."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from iqa_train.report.sections import Line, Section, prose
from iqa_tui.safe import content
from iqa_tui.screens.pick import Pick, PickScreen
from iqa_tui.state.board import Board, RunLine
from iqa_tui.state.study_names import names_of_studies
from iqa_tui.widgets.curves import Curves
from iqa_tui.widgets.glyphs import state_words
from iqa_tui.widgets.plot_data import Plot
from iqa_tui.widgets.section_page import Page

if TYPE_CHECKING:
    from iqa_tui.actions.notice import ActionContext

RUN, STUDY = "run", "study"
_READING = (Section("Reading", (prose("reading and comparing both sides"),)),)
_EMPTY = (Section("Nothing to compare yet", (prose("press 1 and 2 to choose the two sides"),)),)


class CompareScreen(Screen[None]):
    """`first` and `second` are of the same kind; None is not chosen yet."""

    CSS_PATH = ["run.tcss", "compare.tcss"]  # noqa: RUF012 (as Textual has it)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 (as Textual has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="esc", id="compare.back", tooltip="Back to the study"),
        Binding("1", "choose(1)", "First", id="compare.first", tooltip="Choose the first side"),
        Binding("2", "choose(2)", "Second", id="compare.second", tooltip="Choose the second side"),
        Binding("w", "swap", "Swap", id="compare.swap", tooltip="Swap the two sides"),
        Binding("v", "plot", "Plot", id="compare.plot", tooltip="Show or hide the plot of two runs"),
    ]

    class Loaded(Message):
        """The comparison is ready."""

        def __init__(self, facts: tuple[object, ...], sections: tuple[Section, ...], plot: Plot) -> None:
            super().__init__()
            self.facts = facts
            self.sections = sections
            self.plot = plot

    def __init__(self, context: "ActionContext", first: Pick | None = None, second: Pick | None = None) -> None:
        super().__init__()
        self._action_context = context
        self.sides: list[Pick | None] = [first, second]
        self._facts: tuple[object, ...] = ()  # what the current comparison depends on

    def compose(self) -> ComposeResult:
        yield Static("", id="which", markup=False)
        yield Page(id="page")
        yield Curves(id="pair")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(Page).focus()
        self._show()
        first, second = self.sides
        if first is not None and second is None:
            self.action_choose(2, first.kind)
        self.watch(self.app, "board", self._follow, init=False)

    def _follow(self, board: Board) -> None:
        self._action_context = replace(self._action_context, board=board)
        first, second = self.sides
        if first is not None and second is not None and comparison_facts(first, second, board) != self._facts:
            self._start_comparison(first, second)

    def action_back(self) -> None:
        self.dismiss(None)

    def action_swap(self) -> None:
        self.sides.reverse()
        self._show()

    def action_plot(self) -> None:
        self.toggle_class("-other-plot")

    def action_choose(self, side: int, kind: str = "") -> None:
        """Choose one side from a list; if its kind changes, the other side is chosen again, too."""
        self.run_worker(lambda: self._offer(side, kind), thread=True, exclusive=True, group="offer")

    def _offer(self, side: int, kind: str) -> None:
        """Runs in a thread, since it searches the disk for studies."""
        picks = [*run_picks(self._action_context), *study_picks(self._action_context)]
        other = self.sides[2 - side]
        picks = [pick for pick in picks if kind in {"", pick.kind} and (not kind or pick != other)]
        self.app.call_from_thread(self._show_picks, side, picks)

    def _show_picks(self, side: int, picks: list[Pick]) -> None:
        title = f"{'First' if side == 1 else 'Second'} side"
        self.app.push_screen(PickScreen(title, picks), lambda pick: self._set_side(side, pick))

    def _set_side(self, side: int, pick: Pick | None) -> None:
        if pick is None:
            return
        self.sides[side - 1] = pick
        other = self.sides[2 - side]
        if other is None or other.kind != pick.kind:
            self.sides[2 - side] = None
            self.action_choose(3 - side, pick.kind)
        self._show()

    def _show(self) -> None:
        first, second = self.sides
        self.query_one("#which", Static).update(content(f"1 {_named(first)}   2 {_named(second)}", "bold"))
        self.set_class(bool(first and first.kind == RUN), "-runs")
        if first is None or second is None:
            self.query_one(Page).show(_EMPTY)
            return
        self.query_one(Page).show(_READING)
        self._start_comparison(first, second)

    def _start_comparison(self, first: Pick, second: Pick) -> None:
        facts = self._facts = comparison_facts(first, second, self._action_context.board)
        self.run_worker(lambda: self._compare(first, second, facts), thread=True, exclusive=True, group="compare")

    def _compare(self, first: Pick, second: Pick, facts: tuple[object, ...]) -> None:
        """Runs in a thread."""
        if first.kind == RUN:
            sections, plot = self._two_runs(first, second)
        else:
            sections, plot = self._two_studies(first, second), Plot(())
        self.post_message(self.Loaded(facts, sections, plot))

    def _two_runs(self, first: Pick, second: Pick) -> tuple[tuple[Section, ...], Plot]:
        from iqa_train.report.run_page.run_comparison import two_runs

        board = self._action_context.board
        lines = [board.line(pick.key) for pick in (first, second)]
        first_line, second_line = lines
        if first_line is None or second_line is None:
            return (Section("Not compared", (prose("one of the two runs no longer exists", "error"),)),), Plot(())
        if first_line is second_line:
            return (Section("Not compared", (prose("both sides are the same run", "note"),)),), Plot(())
        comparison = two_runs((first_line.run, second_line.run), (first.name, second.name), board.file, board.profile)
        return comparison.sections, Plot(comparison.curves, selected=second.name, epochs=comparison.epochs)

    def _two_studies(self, first: Pick, second: Pick) -> tuple[Section, ...]:
        """The same text as `iqa-train compare` prints."""
        from iqa_train.errors import UserError
        from iqa_train.report.comparison_text import comparison_cells, comparison_notes, comparison_title
        from iqa_train.results.compare_by_name import NameScope
        from iqa_train.study.find import find_study
        from iqa_train.study.load import load_study

        target = self._action_context.target
        try:
            study = self._action_context.board.file or load_study(find_study(target.experiments))
            where = NameScope(study, target.runs_dir, target.experiments, self._action_context.board.profile)
            across = where.compared((first.key, second.key), anyway=True)
        except UserError as error:
            return (Section("Not compared", (prose(str(error), "error"),)),)
        except OSError as error:
            return (Section("Not compared", (prose(f"{error.filename}: {error.strerror}", "error"),)),)
        head, rows = comparison_cells(across)
        marks = {True: "good", False: "warning", None: ""}
        lines = [Line(tuple(c), marks[row.better]) for c, row in zip(rows, across.rows, strict=True)]  # type: ignore[arg-type]
        notes = tuple(prose(note) for note in comparison_notes(across))
        return (Section(comparison_title(across), tuple(lines), tuple(head)), Section("Notes", notes))

    def on_compare_screen_loaded(self, message: Loaded) -> None:
        """Show the comparison, unless it is outdated."""
        if message.facts == self._facts:
            self.query_one(Page).show(message.sections)
            self.query_one(Curves).put(message.plot)


def comparison_facts(first: Pick, second: Pick, board: Board) -> tuple[object, ...]:
    """What the comparison depends on: the progress of two runs, or the states of the runs of two studies."""
    if first.kind == STUDY:
        return (first, second, board.file, tuple((line.key, line.state) for line in board.lines))
    rows = [line.row for line in (board.line(first.key), board.line(second.key)) if line and line.row]
    return (first, second, board.file, *((r.state, r.reason, r.attempt, r.progress.epoch) for r in rows))


def first_two(context: "ActionContext") -> tuple[Pick | None, Pick | None]:
    """The initial sides: two marked runs, else the baseline and the selected run."""
    runs = {pick.key: pick for pick in run_picks(context)}
    marked = [runs[line.key] for line in context.board.lines if line.key in context.marked]
    if len(marked) >= 2:
        return marked[0], marked[1]
    selected = context.line
    if selected is None:
        return None, None
    seed, key = selected.seed, selected.key
    firsts = (line for line in context.board.lines if line.is_baseline and line.run.repeat == 1)
    base = next((x for x in firsts if x.seed == seed and x.key != key), None)
    if base is None:
        return runs[key], None
    return runs[base.key], runs[key]


def run_picks(context: "ActionContext") -> list[Pick]:
    """The study's runs, marked ones first."""
    board = context.board
    marked = [line for line in board.lines if line.key in context.marked]
    others = [line for line in board.lines if line.key not in context.marked]
    groups = ((marked, "Marked runs"), (others, "Runs of this study"))
    return [_run_pick(line, board, group) for lines, group in groups for line in lines]


def study_picks(context: "ActionContext") -> list[Pick]:
    """Studies with runs, and groups of reported results. Reads the disk."""
    from iqa_train.results.compare_by_name import REPORTED
    from iqa_train.study.literature import groups_of

    studies = names_of_studies(context.target.runs_dir, attempted=True)
    groups = groups_of(context.board.file) if context.board.file else ()
    return [
        *(Pick(STUDY, name, name, "Studies with runs") for name in studies),
        *(Pick(STUDY, REPORTED + name, name, "Reference groups", "reported numbers") for name in groups),
    ]


def _run_pick(line: RunLine, board: Board, group: str) -> Pick:
    others = [x for x in board.lines if x.experiment == line.experiment]
    name = line.experiment
    if len({x.seed for x in board.lines}) > 1:
        name += f" s{line.seed}"
    if line.run.repeat > 1:
        name += f" r{line.run.repeat}"
    if len({x.run.config_hash for x in others if x.seed == line.seed}) > 1:
        name += " " + line.run.config_hash[:6]
    words = " ".join(filter(None, [state_words(line.state) if line.state else "not started", line.title]))
    return Pick(RUN, line.key, name, group, words)


def _named(pick: Pick | None) -> str:
    return "–" if pick is None else f"{pick.kind} {pick.name}"
