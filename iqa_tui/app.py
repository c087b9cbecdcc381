"""The console: holds the board that the watcher hands it, and shows screens on it. Closing it stops no run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from iqa_tui.screens.study import StudyScreen
from iqa_tui.watch.board import Board, Target
from iqa_tui.watch.watcher import Watcher


class Console(App[str]):
    """One study on a terminal. Returns the sentence that says how to come back, or why it could not be shown."""

    TITLE = "iqa"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "detach", "Detach", id="app.detach", tooltip="Leave the console; every run goes on"),
        Binding("ctrl+q", "detach", show=False, priority=True, id="app.quit"),
        Binding("ctrl+c", "hint", show=False, id="app.hint"),
    ]

    board: reactive[Board] = reactive(Board, init=False, repaint=False)

    class Looked(Message):
        """The watcher has looked."""

        def __init__(self, board: Board) -> None:
            super().__init__()
            self.board = board

    def __init__(self, target: Target, *, readonly: bool = False, start_all: bool = False) -> None:
        super().__init__()
        self.target = target
        self.readonly = readonly
        self._start_all = start_all
        self.watcher = Watcher(target, self._tell)

    def on_mount(self) -> None:
        """The first picture is drawn before anything is read."""
        self.push_screen(StudyScreen())
        self.call_after_refresh(self.watcher.start)

    def on_unmount(self) -> None:
        """Look no more."""
        self.watcher.close()

    def _tell(self, board: Board) -> None:
        """Called in the watcher's thread."""
        self.post_message(self.Looked(board))

    def on_console_looked(self, message: Looked) -> None:
        """What was read becomes what is shown; what cannot be shown at all is said, and the console ends."""
        board = message.board
        if not board.study and not self.board.study:
            self.exit(board.problem, return_code=2)
            return
        if not board.study:  # the study file has just been broken: what was known stays on the screen
            from dataclasses import replace

            board = replace(self.board, problem=board.problem, devices=board.devices)
        self.board = board
        if self._start_all and board.read:
            self._start_all = False
            self._start_everything()

    def _start_everything(self) -> None:
        """`--demo` starts by itself, unless all of it is done or under way."""
        from iqa_tui.acting.orders import StartOrder

        screen = self.screen_stack[1]
        if any(not line.state for line in self.board.lines) and isinstance(screen, StudyScreen):
            screen.start_now(StartOrder())

    def look_now(self) -> None:
        """Something has been done: show it at once."""
        self.watcher.look_now()

    def action_detach(self) -> None:
        """Leave, and say how to come back."""
        self.exit(parting_words(self.board))

    def action_hint(self) -> None:
        """Ctrl-C stops nothing here."""
        self.notify("q detaches and leaves every run going; x stops the chosen run", markup=False)


def parting_words(board: Board) -> str:
    """What goes on, and how to come back."""
    open_ = [line for line in board.lines if line.is_open]
    if not open_:
        return "Nothing is running."
    count = "1 run goes" if len(open_) == 1 else f"{len(open_)} runs go"
    return f"{count} on without the console. iqa-tui comes back; iqa-train status tells as much."
