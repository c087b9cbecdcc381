"""The keys that act: s start, x stop, R relaunch, p pause or resume, e export, m messages.

How a screen takes them up:

    class StudyScreen(ActingScreen):                      # its BINDINGS are merged with ours
        def sight(self) -> ActionContext: # what is acted on, at the moment of the key
            return ActionContext(self.app.board, self.app.target, self.chosen, ...)

        def acted(self, said: Notice) -> None:            # optional: after every action, done or refused
            self.app.look_now()

`self.said` holds the last sentences, oldest first. `start_now(order)` starts without asking (`--demo`).
Keys' ids for a keymap: runs.start, runs.stop, runs.relaunch, queue.pause, results.export, app.messages.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from iqa_tui.safe import plain
from iqa_tui.state.board import Board, RunLine, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_tui.actions.orders import ExportOrder, RelaunchOrder, StartOrder, StopOrder

_KEPT = 50
_STILL_AFTER = 5.0  # seconds of waiting for a stop, after which a hint says how to hurry it


@dataclass(frozen=True)
class ActionContext:
    """What the keys act on: the study, the run that the cursor is on, the keys of those that are marked."""

    board: Board
    target: Target
    line: RunLine | None = None
    marked: frozenset[str] = frozenset()
    readonly: bool = False


@dataclass(frozen=True)
class Notice:
    """What an action did, or why not; `at` in seconds since the epoch."""

    text: str
    severity: Literal["information", "warning", "error"] = "information"
    at: float = 0.0


class ConsoleClosing(Exception):  # noqa: N818 (an event, not an error)
    """The console is closing: whoever waits in a thread is to wait no more."""


class ActingScreen(Screen[None]):
    """A screen with the keys that act. What blocks runs in threads; closing the console abandons no run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", id="runs.start", tooltip="Start what is marked, the next batch, or all"),
        Binding("x", "stop", "Stop", id="runs.stop", tooltip="Stop a run with its checkpoint, or all; asks first"),
        Binding(
            "R", "relaunch", "Relaunch", id="runs.relaunch", tooltip="A new attempt: go on, start over, other settings"
        ),
        Binding(
            "p", "pause", "Pause", show=False, id="queue.pause", tooltip="Start nothing more, or go on; stops nothing"
        ),
        Binding(
            "e", "export", "Export", show=False, id="results.export", tooltip="Results as a table, or the whole report"
        ),
        Binding(
            "m", "messages", "Messages", show=False, id="app.messages", tooltip="What actions did, the latest first"
        ),
    ]

    class Acted(Message):
        """An action is done or refused."""

        def __init__(self, said: Notice, what: str = "") -> None:
            super().__init__()
            self.said = said
            self.what = what  # the action that is over; empty for a word in between

    def __init__(self, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name, id, classes)
        self.said: deque[Notice] = deque(maxlen=_KEPT)
        self._under_way: set[str] = set()

    def sight(self) -> ActionContext:
        """What is acted on now."""
        raise NotImplementedError

    def acted(self, said: Notice) -> None:
        """Called after every action."""

    def action_start(self) -> None:
        """Ask what is to be started."""
        if self._may("start"):
            from iqa_tui.screens.start import StartScreen

            sight = self.sight()
            screen = StartScreen(sight.board, sight.target, sight.marked, sight.line)
            self.app.push_screen(screen, lambda order: self.start_now(order) if order else None)

    def action_stop(self) -> None:
        """Ask what is to be stopped; one that was asked before, whether it is to be killed at once."""
        if not self._may("stop"):
            return
        sight = self.sight()
        lines = [line for line in sight.board.lines if line.is_open]
        if not lines:
            self.tell("nothing to stop: no run of this study runs or waits", "warning")
            return
        from iqa_tui.screens.stop import StopScreen

        screen = StopScreen(lines, sight.line, sight.marked)
        self.app.push_screen(screen, lambda order: self._stop(order) if order else None)

    def action_relaunch(self) -> None:
        """Ask how the chosen run is to be tried again."""
        if not self._may("relaunch"):
            return
        sight = self.sight()
        if sight.line is None:
            self.tell("nothing to relaunch: no run is chosen", "warning")
            return
        from iqa_tui.screens.relaunch import RelaunchScreen

        self.app.push_screen(RelaunchScreen(sight.line, sight.target), self._relaunch)

    def action_pause(self) -> None:
        """Pause the queue, or let it go on."""
        if not self._may("pause"):
            return
        from iqa_tui.actions import queue

        sight = self.sight()
        act = queue.resume if sight.board.paused else queue.pause
        self._carry_out("pause", lambda _: act(sight.target))

    def action_export(self) -> None:
        """Ask what is to be written, and where."""
        if self._may("export"):
            from iqa_tui.screens.export import ExportScreen

            self.app.push_screen(ExportScreen(self.sight().board), self._export)

    def action_messages(self) -> None:
        """Show what was said."""
        from iqa_tui.screens.messages import MessagesScreen

        self.app.push_screen(MessagesScreen(tuple(self.said)))

    def start_now(self, order: StartOrder) -> None:
        """Start without asking."""
        from iqa_tui.actions.start import start

        target = self.sight().target
        self._carry_out("start", lambda check: start(target, order, self._progress(check)))

    def tell(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Show a sentence, and keep it."""
        self._say(Notice(text, severity, time.time()))

    def on_acting_screen_acted(self, message: Acted) -> None:
        """Show what came of it."""
        self._under_way.discard(message.what)
        last = self.said[-1] if self.said else None
        if last is None or last.text != message.said.text or message.said.at - last.at > _STILL_AFTER:
            self._say(message.said)  # who was hurried ends for two who wait: one of them is enough

    def _say(self, said: Notice) -> None:
        self.said.append(said)
        timeout = 5 if said.severity == "information" else 10
        self.app.notify(
            "\n".join(map(plain, said.text.splitlines())), severity=said.severity, timeout=timeout, markup=False
        )
        self.acted(said)

    def _may(self, what: str) -> bool:
        """Whether to continue; if not, the reason has been shown."""
        sight = self.sight()
        if sight.readonly:
            self.tell(f"this console only looks (--readonly): {what} is refused", "warning")
        elif not sight.board.read:
            self.tell("the study is still being read; try again in a moment", "warning")
        elif what in self._under_way and what != "stop":
            self.tell(f"the last {what} is still under way", "warning")
        else:
            return True
        return False

    def _stop(self, order: StopOrder) -> None:
        from iqa_tui.actions.stop import stop

        target = self.sight().target
        self._carry_out("stop", lambda check: stop(target, order, self._patience(check, order)))

    def _relaunch(self, order: RelaunchOrder | StartOrder | None) -> None:
        from iqa_tui.actions.orders import StartOrder
        from iqa_tui.actions.relaunch import relaunch

        if isinstance(order, StartOrder):
            self.start_now(order)
        elif order is not None:
            target = self.sight().target
            self._carry_out("relaunch", lambda _: relaunch(target, order))

    def _export(self, order: ExportOrder | None) -> None:
        from iqa_tui.actions.export import export

        if order is not None:
            target = self.sight().target
            if order.form == "report":
                self.tell(f"writing the report to {order.path}; its figures take a moment")
            self._carry_out("export", lambda _: export(target, order))

    def _carry_out(self, what: str, act: Callable[[Callable[[], None]], str]) -> None:
        """Run `act` in a thread; what it returns is shown, and so is the sentence of a UserError.

        It is given a function to call while it waits, which raises Abandoned once the console closes.
        """
        self._under_way.add(what)

        def work() -> None:
            from iqa_train.errors import UserError

            worker = get_current_worker()

            def check() -> None:
                if worker.is_cancelled:
                    raise ConsoleClosing

            try:
                said = Notice(act(check), "information", time.time())
            except ConsoleClosing:
                return
            except UserError as error:
                said = Notice(str(error), "error", time.time())
            except OSError as error:
                said = Notice(f"{what}: {error.filename or 'a file'}: {error.strerror}", "error", time.time())
            if not worker.is_cancelled:
                self.post_message(self.Acted(said, what))

        self.run_worker(work, name=what, group=f"acting-{what}", thread=True)

    def _patience(self, check: Callable[[], None], order: StopOrder) -> Callable[[], None]:
        """Called while runs end: tells once, after a while, that they can be hurried."""
        tell_at = time.monotonic() + _STILL_AFTER
        once = Lock()  # taken by the first who tells: several runs are waited for, each in a thread

        def waiting() -> None:
            check()
            if order.grace is None and time.monotonic() > tell_at and once.acquire(blocking=False):
                words = "still ending: a checkpoint is being written; x again kills what has not ended at once"
                self.post_message(self.Acted(Notice(words, "warning", time.time())))

        return waiting

    def _progress(self, check: Callable[[], None]) -> Callable[[str], None]:
        """Tells how far something long is, now and then."""
        next_at = 0.0

        def tell(words: str) -> None:
            nonlocal next_at
            check()
            if time.monotonic() > next_at:
                next_at = time.monotonic() + _STILL_AFTER
                self.post_message(self.Acted(Notice(words, "information", time.time())))

        return tell
