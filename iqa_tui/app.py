"""The console app: holds the board from the watcher and shows it on screens. Closing it stops no run."""

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
from iqa_tui.terminal_signals import TerminalSignals
from iqa_tui.themes import OWN, curve_colours

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver

    from iqa_train.scheduler.queue_undo import Change
    from iqa_tui.screens.study import StudyScreen


def _commands() -> type[Provider]:
    """The provider, imported when the palette is first opened."""
    from iqa_tui.commands import ConsoleCommands

    return ConsoleCommands


class Console(App[str]):
    """One study on a terminal. Returns a parting sentence, or why the study could not be shown."""

    TITLE = "iqa"
    CSS = "#cover { height: 1; background: $panel; padding: 0 1; text-style: bold; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "detach", "Detach", id="app.detach", tooltip="Leave the console; runs continue"),
        Binding(
            "question_mark",
            "keys",
            "Help",
            key_display="?",
            id="app.help",
            tooltip="All keys and how the console works",
        ),
        Binding(
            "ctrl+p",
            "command_palette",
            "Commands",
            show=False,
            priority=True,
            id="app.palette",
            tooltip="Find a command, run, study or theme by name",
        ),
        Binding("ctrl+q", "detach", show=False, priority=True, id="app.quit", tooltip="The same as q, from anywhere"),
        Binding("ctrl+c", "hint", show=False, id="app.hint", tooltip="Stops nothing; shows which keys do"),
        Binding("ctrl+z", "suspend_process", show=False, id="app.suspend", tooltip="Back to the shell; fg returns"),
        Binding("tab", "focus_next", show=False, id="app.next", tooltip="Next pane or field"),
        Binding("shift+tab", "focus_previous", show=False, id="app.previous", tooltip="Previous pane or field"),
    ]

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}

    board: reactive[Board] = reactive(Board, init=False, repaint=False)

    class BoardChanged(Message):
        """The watcher has read a new board."""

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
        self.queue_changes: list[Change] = []  # made by this console, the last of which can be undone
        for theme in OWN:
            self.register_theme(theme)
        self.theme = self.config.theme or os.environ.get("TEXTUAL_THEME") or OWN[0].name
        self.set_keymap(dict(self.config.keys))
        self._start_all = start_all
        self._leaving = False
        self.watcher = Watcher(target, partial(self._publish, target))
        self._signals = TerminalSignals(self.config.signals, self._tell_terminal)

    def _tell_terminal(self, text: str) -> None:
        """Send a sequence that draws nothing; to a terminal only, not to a page."""
        if self._driver is not None and not self.is_web and not self.is_headless:
            self._driver.write(text)
            self._driver.flush()

    def watch_board(self, old: Board, new: Board) -> None:
        """The window's title, and news by bell and notification."""
        self._signals.show(old, new)

    def get_driver_class(self) -> type[Driver]:
        """The usual driver, except that pasted text presses no keys."""
        return guarded(super().get_driver_class())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Adds colours for the curves to every theme."""
        return curve_colours(dark=self.current_theme.dark)

    def compose(self) -> ComposeResult:
        """A first screen, shown before the study's widgets are imported, which takes a while."""
        yield Static("iqa · loading", id="cover", markup=False)

    def on_mount(self) -> None:
        """Leave properly on SIGTERM, so that the terminal is restored."""
        with contextlib.suppress(ValueError, RuntimeError):  # signal handlers need the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.action_detach)
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        """Show the study screen, then read the study."""
        from iqa_tui.screens.study import StudyScreen

        self.push_screen(StudyScreen())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Read the study. What was created so far lives until the end: keep it out of garbage collection."""
        if not gc.isenabled():  # disabled by the command line
            gc.freeze()
            gc.enable()
        self.watcher.start()

    @property
    def _study(self) -> StudyScreen | None:
        """The study screen, wherever it is in the stack."""
        from iqa_tui.screens.study import StudyScreen

        return next((screen for screen in self.screen_stack if isinstance(screen, StudyScreen)), None)

    def on_unmount(self) -> None:
        self.watcher.close()
        self._signals.close()

    def _publish(self, target: Target, board: Board) -> None:
        """Called in the watcher's thread."""
        self.post_message(self.BoardChanged(board, target))

    async def on_event(self, event: events.Event) -> None:
        """Ignore input after leaving, and make pasted text safe for fields."""
        if self._leaving and isinstance(event, events.InputEvent):
            return
        if isinstance(event, events.Paste):
            event.text = pasted(event.text)
        await super().on_event(event)

    def on_console_board_changed(self, message: BoardChanged) -> None:
        """Show the new board; if there is nothing to show at all, exit with the reason."""
        board = message.board
        if message.target is not self.target:  # of a study that has been left since
            return
        if not board.study and not self.board.study:
            self.exit(board.problem, return_code=2)
            return
        if not board.study:  # the study file has become invalid: keep showing the last valid state
            board = replace(self.board, problem=board.problem, devices=board.devices)
        self.board = board
        if self._start_all and board.read:
            self._start_all = False
            self._start_everything()

    def _start_everything(self) -> None:
        """Start the demo's runs, unless all are done or under way."""
        from iqa_tui.actions.orders import StartOrder

        if any(not line.state for line in self.board.lines) and self._study is not None:
            self._study.start_now(StartOrder())

    def look_now(self) -> None:
        """Read the study again at once."""
        self.watcher.look_now()

    def open_study(self, name: str) -> None:
        """Watch another study instead; runs and queue are not affected."""
        self.watcher.close()
        self.target = replace(self.target, study=name, profile=None)
        self.watcher = Watcher(self.target, partial(self._publish, self.target))
        self.watcher.start()

    def go_to_run(self, key: str) -> None:
        """Return to the study screen, with the cursor on a run."""
        while self._study is not None and self.screen is not self._study:
            self.pop_screen()
        if self._study is not None:
            self._study.go_to(key)

    def action_command_palette(self) -> None:
        from iqa_tui.commands import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_keys(self) -> None:
        from iqa_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_detach(self) -> None:
        """Leave, and say how to come back. Waits for a screen that is being mounted, which cannot be closed yet."""
        self._leaving = True
        if all(screen.is_mounted for screen in self.screen_stack):
            self.exit(parting_words(self.board))
        else:
            self.set_timer(0.02, self.action_detach)

    def action_hint(self) -> None:
        self.notify("press q to leave (runs continue), x to stop the selected run", markup=False)


def parting_words(board: Board) -> str:
    """Which runs continue, and how to come back."""
    open_runs = sum(line.is_open for line in board.lines)
    if not open_runs:
        return "Nothing is running."
    count = "1 run continues" if open_runs == 1 else f"{open_runs} runs continue"
    return f"{count} in the background. Reopen the console with iqa-tui, or check with iqa-train status."
