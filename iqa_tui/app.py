"""The console: holds the board that the watcher hands it, and shows screens on it. Closing it stops no run."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from iqa_tui.config import Config
from iqa_tui.paste import guarded
from iqa_tui.safe import pasted
from iqa_tui.state.board import Board, Target
from iqa_tui.state.watcher import Watcher
from iqa_tui.themes import OWN, curve_colours

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver

    from iqa_tui.screens.study import StudyScreen


def _commands() -> type[Provider]:
    """Imported when the palette is first opened."""
    from iqa_tui.commands import ConsoleCommands

    return ConsoleCommands


class Console(App[str]):
    """One study on a terminal. Returns the sentence that says how to come back, or why it could not be shown."""

    TITLE = "iqa"
    CSS = "#cover { height: 1; background: $panel; padding: 0 1; text-style: bold; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "detach", "Detach", id="app.detach", tooltip="Leave the console; every run goes on"),
        Binding(
            "question_mark", "keys", "Help", key_display="?", id="app.help", tooltip="Every key, and how this works"
        ),
        Binding(
            "ctrl+p",
            "command_palette",
            "Commands",
            show=False,
            priority=True,
            id="app.palette",
            tooltip="Find a command, a run, a study or a theme by its name",
        ),
        Binding("ctrl+q", "detach", show=False, priority=True, id="app.quit", tooltip="The same, wherever one is"),
        Binding("ctrl+c", "hint", show=False, id="app.hint", tooltip="Stops nothing; says which keys do"),
        Binding("tab", "focus_next", show=False, id="app.next", tooltip="To the next pane or field"),
        Binding("shift+tab", "focus_previous", show=False, id="app.previous", tooltip="To the pane or field before"),
    ]

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}

    board: reactive[Board] = reactive(Board, init=False, repaint=False)

    class Looked(Message):
        """The watcher has looked."""

        def __init__(self, board: Board, target: Target) -> None:
            super().__init__()
            self.board = board
            self.target = target

    def __init__(
        self, target: Target, *, readonly: bool = False, start_all: bool = False, config: Config | None = None
    ) -> None:
        super().__init__()
        self.target = target
        self.readonly = readonly
        self.config = config or Config()
        for theme in OWN:
            self.register_theme(theme)
        self.theme = self.config.theme or os.environ.get("TEXTUAL_THEME") or OWN[0].name
        self.set_keymap(dict(self.config.keys))
        self._start_all = start_all
        self._leaving = False
        self.watcher = Watcher(target, partial(self._tell, target))

    def get_driver_class(self) -> type[Driver]:
        """As usual, but what is pasted presses no keys."""
        return guarded(super().get_driver_class())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours for the curves of every theme."""
        return curve_colours(dark=self.current_theme.dark)

    def compose(self) -> ComposeResult:
        """The first picture. Importing what the study is shown with takes as long again, and comes after it."""
        yield Static("iqa · reading", id="cover", markup=False)

    def on_mount(self) -> None:
        """A terminal that is taken away by SIGTERM is given back first."""
        with contextlib.suppress(ValueError, RuntimeError):  # there are none but in a main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.action_detach)
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        """The study's screen; and once that is drawn, what stands on it."""
        from iqa_tui.screens.study import StudyScreen

        self.push_screen(StudyScreen())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Read the study. What lives until the end is kept out of every collection of garbage from now on."""
        if not gc.isenabled():  # the command line has switched it off
            gc.freeze()
            gc.enable()
        self.watcher.start()

    @property
    def _study(self) -> StudyScreen | None:
        """The study's screen, whatever lies over it."""
        from iqa_tui.screens.study import StudyScreen

        return next((screen for screen in self.screen_stack if isinstance(screen, StudyScreen)), None)

    def on_unmount(self) -> None:
        """Look no more."""
        self.watcher.close()

    def _tell(self, target: Target, board: Board) -> None:
        """Called in the watcher's thread."""
        self.post_message(self.Looked(board, target))

    async def on_event(self, event: events.Event) -> None:
        """Fields show what is pasted into them as it is. Nothing is done any more that was asked after leaving."""
        if self._leaving and isinstance(event, events.InputEvent):
            return
        if isinstance(event, events.Paste):
            event.text = pasted(event.text)
        await super().on_event(event)

    def on_console_looked(self, message: Looked) -> None:
        """What was read becomes what is shown; what cannot be shown at all is said, and the console ends."""
        board = message.board
        if message.target is not self.target:  # a last word of a study that one has gone on from
            return
        if not board.study and not self.board.study:
            self.exit(board.problem, return_code=2)
            return
        if not board.study:  # the study file has just been broken: what was known stays on the screen
            board = replace(self.board, problem=board.problem, devices=board.devices)
        self.board = board
        if self._start_all and board.read:
            self._start_all = False
            self._start_everything()

    def _start_everything(self) -> None:
        """`--demo` starts by itself, unless all of it is done or under way."""
        from iqa_tui.actions.orders import StartOrder

        if any(not line.state for line in self.board.lines) and self._study is not None:
            self._study.start_now(StartOrder())

    def look_now(self) -> None:
        """Something has been done: show it at once."""
        self.watcher.look_now()

    def open_study(self, name: str) -> None:
        """Watch another study in place of this one; runs and queue go on as they do."""
        self.watcher.close()
        self.target = replace(self.target, study=name, profile=None)
        self.watcher = Watcher(self.target, partial(self._tell, self.target))
        self.watcher.start()

    def go_to_run(self, key: str) -> None:
        """Back to the study, with the cursor on a run."""
        while self._study is not None and self.screen is not self._study:
            self.pop_screen()
        if self._study is not None:
            self._study.go_to(key)

    def action_command_palette(self) -> None:
        """Show the commands."""
        from iqa_tui.commands import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_keys(self) -> None:
        """Every key, and how the console works."""
        from iqa_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_detach(self) -> None:
        """Leave, and say how to come back. A screen that is just being built is let finish: it cannot be taken back."""
        self._leaving = True
        if all(screen.is_mounted for screen in self.screen_stack):
            self.exit(parting_words(self.board))
        else:
            self.set_timer(0.02, self.action_detach)

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
