"""Everything about one run: results, settings, audit, attempts, files, provenance; read in a thread."""

from collections.abc import Collection
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from iqa_train.report.sections import Section, prose
from iqa_tui.host import console_of
from iqa_tui.safe import content
from iqa_tui.state.board import Board, RunLine
from iqa_tui.widgets.glyphs import state_words
from iqa_tui.widgets.section_page import Page

_READING = (Section("Reading", (prose("reading the run's files"),)),)


class RunScreen(Screen[str | None]):
    """Shows the run `key` from the board and its files; dismissed with the key if its log is wanted.

    The next and the previous run are those `among` which it is, by default all of the study.
    """

    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "back", "Back", key_display="esc", id="detail.back", tooltip="Back to the study"),
        Binding("t", "log", "Log", id="detail.log", tooltip="Back to the study, showing this run's log"),
        Binding("y", "copy", "Copy folder", id="detail.copy", tooltip="Copy the path of the run's folder"),
        Binding("right,n", "step(1)", "Next run", id="detail.next", tooltip="Next run"),
        Binding("left,N", "step(-1)", "Previous run", show=False, id="detail.previous", tooltip="Previous run"),
    ]

    class Loaded(Message):
        """The files have been read."""

        def __init__(self, key: str, sections: tuple[Section, ...]) -> None:
            super().__init__()
            self.key = key
            self.sections = sections

    def __init__(self, key: str, among: Collection[str] = ()) -> None:
        super().__init__()
        self.key = key
        self.among = frozenset(among)
        self._seen: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static("", id="which", markup=False)
        yield Page(id="page")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the run now and whenever the board changes."""
        self.query_one(Page).show(_READING)
        self.query_one(Page).focus()
        self.watch(self.app, "board", self._show)

    @property
    def _board(self) -> Board:
        return console_of(self.app).board

    def _show(self, board: Board) -> None:
        line = board.line(self.key)
        if line is None:
            self.query_one("#which", Static).update(content("this run is no longer part of the study"))
            return
        self.query_one("#which", Static).update(content(_title(board, line), "bold"))
        progress = line.row.progress if line.row else None
        seen = (
            self.key, line.row and (line.row.state, line.row.reason, line.row.attempt, line.row.log, line.row.job),
            line.result,
            progress and progress.epoch, board.reasons.get(line.experiment), board.profile,
            board.file,
        )  # fmt: skip
        if seen != self._seen:
            self._seen = seen
            self.run_worker(lambda: self._read(board, line), thread=True, exclusive=True, group="run")

    def _read(self, board: Board, line: RunLine) -> None:
        """Runs in a thread."""
        from iqa_train.report.run_page.page import StudyContext, about_run

        context = StudyContext(
            board.file, board.profile, board.baseline, line.result,
            tuple(board.reasons.get(line.experiment, ())), line.planned,
        )  # fmt: skip
        self.post_message(self.Loaded(line.key, _with_notes(about_run(line.run, context), board, line)))

    def on_run_screen_loaded(self, message: Loaded) -> None:
        """Show the page, unless another run has been opened since."""
        if message.key == self.key:
            self.query_one(Page).show(message.sections)

    def action_back(self) -> None:
        self.dismiss(None)

    def action_log(self) -> None:
        self.dismiss(self.key)

    def action_copy(self) -> None:
        """Copy the folder's path through the terminal."""
        line = self._board.line(self.key)
        if line is not None:
            self.app.copy_to_clipboard(str(line.run.path.absolute()))
            self.notify("copied the path of the run's folder, if the terminal allows it", markup=False)

    def action_step(self, by: int) -> None:
        """Show the next or previous run, wrapping round."""
        lines = [line for line in self._board.lines if not self.among or line.key in self.among]
        if lines:
            at = next((n for n, line in enumerate(lines) if line.key == self.key), 0)
            self.key = lines[(at + by) % len(lines)].key
            self.query_one(Page).show(_READING)
            self.query_one(Page).scroll_home(animate=False)
            self._show(self._board)


def _with_notes(sections: tuple[Section, ...], board: Board, line: RunLine) -> tuple[Section, ...]:
    """The sections, with Slurm's job first, and the notes on all of the study's results before the settings."""
    if line.row is not None and line.row.job is not None and line.row.job.job:
        from iqa_train.report.run_page.job import job_section

        sections = (job_section(line.row.job), *sections)
    if not line.planned or not board.notes:
        return sections
    notes = Section("Notes on the study's results", tuple(prose(note) for note in board.notes))
    at = next((n for n, section in enumerate(sections) if section.title.startswith("Settings")), len(sections))
    return (*sections[:at], notes, *sections[at:])


def _title(board: Board, line: RunLine) -> str:
    words = [f"Run {line.number} of {len(board.lines)}", line.experiment, line.run.seed_words, board.study]
    return " · ".join([*words, state_words(line.state_name, line.state_words)])
