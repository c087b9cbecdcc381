"""The queue: what waits and runs, in order, with why each waits and when it may start; keys that change it."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from iqa_train.runs.state_names import OPEN, WAITING
from iqa_train.text import format_duration
from iqa_tui.actions.notice import ActionContext, Notice
from iqa_tui.advice import by_keys
from iqa_tui.host import ConsoleApp, console_of
from iqa_tui.safe import content, plain
from iqa_tui.screens.action_screen import ActionScreen
from iqa_tui.widgets.glyphs import COLOURS, NONE, state_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from iqa_train.runs.snapshot import SnapshotReader
    from iqa_train.scheduler.overview import Overview, Row

_HEAD = ("#", "Experiment", "Seed", "Batch", "State", "Starts in", "Done in", "Where, or why it waits")
_STATE = _HEAD.index("State")


class QueueList(OptionList, inherit_bindings=False):
    """The runs of the queue."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "cursor_down", "Down", show=False, id="order.next", tooltip="Select the next run"),
        Binding("k,up", "cursor_up", "Up", show=False, id="order.previous", tooltip="Select the previous run"),
        Binding("g,home", "first", "First", show=False, id="order.first", tooltip="Select the first run"),
        Binding("G,end", "last", "Last", show=False, id="order.last", tooltip="Select the last run"),
        Binding("pagedown", "page_down", show=False, id="order.page-down", tooltip="One page down"),
        Binding("pageup", "page_up", show=False, id="order.page-up", tooltip="One page up"),
    ]


@dataclass(frozen=True)
class QueueLine:
    """A run of the queue: the key of its item, its state, and its cells."""

    key: str
    run_key: str
    state: str
    cells: tuple[str, ...]
    why: str  # the state and its reason in full


class QueueScreen(ActionScreen):
    """Shows the queue of all studies of the runs folder; reads it in a thread whenever the board changes."""

    CSS_PATH = "queue.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("K,shift+up", "move(-1)", "Up", id="order.up", tooltip="Start the run before the previous"),
        Binding("J,shift+down", "move(1)", "Down", id="order.down", tooltip="Start the run after the next"),
        Binding("d,delete", "remove", "Remove", id="order.remove", tooltip="Take the run out of the queue"),
        Binding("b", "policy", "Policy", id="order.policy", tooltip="Change the policy: batches or greedy"),
        Binding("u", "undo", "Undo", id="order.undo", tooltip="Undo the last change of the queue that you made"),
        Binding("escape,q,Q", "back", "Back", key_display="esc", id="order.back", tooltip="Back to the study"),
    ]

    class Loaded(Message):
        """The queue has been read, or why it could not be."""

        def __init__(self, overview: Overview | None, problem: str = "") -> None:
            super().__init__()
            self.overview = overview
            self.problem = problem

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[QueueLine, ...] = ()
        self._policy = "batches"
        self._runs: SnapshotReader | None = None
        self._reading = Lock()  # one look at a time: the reader remembers the one before

    def compose(self) -> ComposeResult:
        yield Static("", id="queue-head", markup=False)
        yield Static("", id="queue-columns", markup=False)
        yield QueueList(id="queue-list", markup=False)
        yield Static("", id="queue-why", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read the queue now and whenever the board changes."""
        self.query_one(QueueList).focus()
        self.watch(self.app, "board", lambda _: self._read())

    @property
    def console(self) -> ConsoleApp:
        """The app, as the console."""
        return console_of(self.app)

    @property
    def selected(self) -> QueueLine | None:
        """The run under the cursor."""
        at = self.query_one(QueueList).highlighted
        return self.lines[at] if at is not None and at < len(self.lines) else None

    @classmethod
    def acting_ids(cls) -> set[str | None]:
        """Also those that change the queue."""
        own = {b.id for b in cls.BINDINGS if isinstance(b, Binding) and b.id != "order.back"}
        return super().acting_ids() | own

    def current_context(self) -> ActionContext:
        """x, R and s act on the run under the cursor if it is of the study that is watched."""
        app, chosen = self.console, self.selected
        line = app.board.line(chosen.run_key) if chosen is not None else None
        return ActionContext(app.board, app.target, line, readonly=app.readonly, changes=app.queue_changes)

    def after_action(self, notice: Notice) -> None:
        """Show at once what an action has changed."""
        self._read()
        self.console.look_now()

    def action_move(self, by: int) -> None:
        """Move the run past its neighbour."""
        from iqa_tui.actions.queue import move

        if (line := self._chosen("move")) is not None:
            target, changes = self.console.target, self.console.queue_changes
            self._run_in_thread("move", lambda _: move(target, line.key, by, changes))

    def action_remove(self) -> None:
        """Take the run out of the queue."""
        from iqa_tui.actions.queue import remove

        if (line := self._chosen("remove")) is not None:
            target, changes = self.console.target, self.console.queue_changes
            self._run_in_thread("remove", lambda _: remove(target, line.key, changes))

    def action_policy(self) -> None:
        """Place runs by the other policy."""
        from iqa_tui.actions.queue import change_policy

        if self._may("policy"):
            target, changes, policy = self.console.target, self.console.queue_changes, self._policy
            self._run_in_thread("policy", lambda _: change_policy(target, policy, changes))

    def action_undo(self) -> None:
        """Undo the last change."""
        from iqa_tui.actions.queue import undo

        if self._may("undo"):
            target, changes = self.console.target, self.console.queue_changes
            self._run_in_thread("undo", lambda _: undo(target, changes))

    def action_back(self) -> None:
        self.dismiss(None)

    def on_option_list_option_highlighted(self) -> None:
        """Show the reason of the run under the cursor in full."""
        self._show_why()

    def _show_why(self) -> None:
        line = self.selected
        self.query_one("#queue-why", Static).update(content(by_keys(line.why) if line is not None else ""))

    def _chosen(self, action: str) -> QueueLine | None:
        """The run under the cursor, if `action` may be done to it; if not, posts the reason."""
        if not self._may(action):
            return None
        line = self.selected
        if line is None:
            self.post_notice(f"nothing to {action}: the queue is empty", "warning")
        return line

    def _read(self) -> None:
        self.run_worker(self._load, thread=True, exclusive=True, group="queue")

    def _load(self) -> None:
        """Runs in a thread."""
        from iqa_train.errors import UserError
        from iqa_train.runs.snapshot import SnapshotReader
        from iqa_train.scheduler.overview import read_overview

        try:
            with self._reading:
                self._runs = self._runs or SnapshotReader()
                overview = read_overview(self.console.target.runs_dir, reader=self._runs)
            self.post_message(self.Loaded(overview))
        except (UserError, OSError) as error:
            self.post_message(self.Loaded(None, str(error)))

    def on_queue_screen_loaded(self, message: Loaded) -> None:
        """Show the queue, with the cursor on the same run as before."""
        overview = message.overview
        head = self.query_one("#queue-head", Static)
        if overview is None:
            head.update(content(message.problem, "$text-error"))
            return
        self._policy = overview.queue.policy
        rows = [row for row in overview.rows if row.item is not None and row.state in OPEN]
        head.update(content(_headline(overview, rows), "bold"))
        several = len({row.study for row in rows}) > 1
        lines = tuple(_line(place, row, several=several) for place, row in enumerate(rows, 1))
        if lines == self.lines and lines:
            return
        chosen, at = self.selected, self.query_one(QueueList).highlighted or 0
        self.lines = lines
        columns = self.query_one("#queue-columns", Static)
        columns.display = bool(lines)
        widths = [max(map(cell_len, cells)) for cells in zip(_HEAD, *(line.cells for line in lines), strict=True)]
        columns.update(content(_row_text(_HEAD, widths), "$text-muted"))
        listed = self.query_one(QueueList)
        listed.clear_options()
        listed.add_options([_option(line, widths) for line in lines])
        same = next((n for n, line in enumerate(lines) if chosen is not None and line.key == chosen.key), at)
        listed.highlighted = min(same, len(lines) - 1) if lines else None
        self._show_why()


def _headline(overview: Overview, rows: Sequence[Row]) -> str:
    waiting = sum(row.state in WAITING for row in rows)
    if not rows:
        return "Queue · nothing runs or waits · s in the study starts runs"
    words = ["Queue", f"{len(rows) - waiting} running", f"{waiting} waiting", f"policy {overview.queue.policy}"]
    if overview.queue.paused:
        words.append("PAUSED: p resumes")
    elif overview.needs_scheduler:
        words.append("no scheduler is running: p starts one")
    elif overview.seconds_left is not None:
        words.append(f"all done in {_time(overview.seconds_left, guess=overview.eta_is_guess)}")
    return " · ".join(words)


def _line(place: int, row: Row, *, several: bool) -> QueueLine:
    """`several`: the queue has runs of several studies."""
    item = row.item
    assert item is not None
    waits = row.state in WAITING
    where = row.reason if waits else "; ".join(filter(None, [row.device or "", row.reason]))
    name = f"{row.study}/{row.experiment}" if several else row.experiment
    cells = (
        str(place), name, row.run.seed_words.removeprefix("seed "),
        item.batch_name or str(item.batch), state_words(row.state, row.state_words),
        _time(row.starts_s, guess=row.eta_is_guess) if waits else NONE, _time(row.eta_s, guess=row.eta_is_guess),
        where,
    )  # fmt: skip
    why = f"{row.experiment} ({row.run.seed_words}): {where or row.state_words}"
    return QueueLine(item.key, str(row.run.path), row.state, tuple(plain(cell) for cell in cells), why)


def _time(seconds: float | None, *, guess: bool) -> str:
    return NONE if seconds is None else ("~" if guess else "") + format_duration(seconds)


def _row_text(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
    return "  ".join([*padded, cells[-1]])


def _option(line: QueueLine, widths: Sequence[int]) -> Option:
    before = _row_text((*line.cells[:_STATE], ""), [*widths[:_STATE], 0])
    state = line.cells[_STATE]
    state += " " * (widths[_STATE] - cell_len(state))
    after = _row_text(("", *line.cells[_STATE + 1 :]), [0, *widths[_STATE + 1 :]])
    colour = COLOURS.get(line.state)
    return Option(content(before) + content(state, f"$text-{colour}" if colour else "") + content(after), line.key)
