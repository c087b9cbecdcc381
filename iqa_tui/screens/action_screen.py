"""The screen base with the keys that act: s start, x and X stop, R relaunch, p pause or resume, e export, m messages.

A screen subclasses ActionScreen, which merges these bindings with its own, and implements `current_context()`; it may
implement `after_action(notice)`. `notices` holds the latest notices, oldest first.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from iqa_tui.actions.notice import ActionContext, ConsoleClosing, Notice, Severity
from iqa_tui.actions.orders import nothing_to_stop
from iqa_tui.safe import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.binding import ActiveBinding

    from iqa_tui.actions.orders import ExportOrder, NoteOrder, RelaunchOrder, StartOrder, StopOrder
    from iqa_tui.state.board import RunLine

_MAX_NOTICES = 50
_HINT_AFTER = 5.0  # seconds of waiting for a stop, after which a hint says how to kill the run


class ActionScreen(Screen[None]):
    """A screen with the keys that act. Blocking work runs in threads; closing the console stops no run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", id="runs.start", tooltip="Start the marked runs, the next batch or all runs"),
        Binding(
            "x", "stop", "Stop", id="runs.stop", tooltip="Stop the selected or marked runs, with a checkpoint; asks"
        ),
        Binding(
            "X",
            "stop_all",
            "Stop all",
            show=False,
            id="runs.stop-all",
            tooltip="Stop all runs of the study; asks first",
        ),
        Binding("R", "relaunch", "Relaunch", id="runs.relaunch", tooltip="Relaunch the selected or marked runs"),
        Binding("t", "note", "Note", show=False, id="runs.note", tooltip="Note or tag the selected or marked runs"),
        Binding("p", "pause", "Pause", show=False, id="queue.pause", tooltip="Pause or resume the queue; stops no run"),
        Binding(
            "e", "export", "Export", show=False, id="results.export", tooltip="Export a results table or the report"
        ),
        Binding("m", "messages", "Messages", show=False, id="app.messages", tooltip="Recent actions, latest first"),
    ]

    class ActionReport(Message):
        """From an action's thread: how far it is, or how it ended."""

        def __init__(self, notice: Notice, finished: str = "") -> None:
            super().__init__()
            self.notice = notice
            self.finished = finished  # the action that has ended; empty while it is under way

    def __init__(self, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name, id, classes)
        self.notices: deque[Notice] = deque(maxlen=_MAX_NOTICES)
        self._under_way: set[str] = set()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What the footer and the palette offer: in a read-only console, no key that changes anything."""
        bindings = super().active_bindings
        if not self.current_context().readonly:
            return bindings
        return {key: active for key, active in bindings.items() if active.binding.id not in self.acting_ids()}

    @classmethod
    def acting_ids(cls) -> set[str | None]:
        """The ids of the keys that change something."""
        return {b.id for b in ActionScreen.BINDINGS if isinstance(b, Binding) and b.id != "app.messages"}

    def current_context(self) -> ActionContext:
        raise NotImplementedError

    def after_action(self, notice: Notice) -> None:
        """Called after every action, successful or refused."""

    def action_start(self) -> None:
        """Ask what to start."""
        if self._may("start"):
            from iqa_tui.screens.start import StartScreen

            context = self.current_context()
            screen = StartScreen(context.board, context.target, context.marked, context.under_cursor)
            self.app.push_screen(screen, lambda order: self.start_now(order) if order else None)

    def action_stop(self) -> None:
        """Ask how to stop the selected or marked runs; of those that are ending already, whether to kill them."""
        if self._may("stop"):
            self._ask_to_stop(self.current_context().wanted)

    def action_stop_all(self) -> None:
        """Ask how to stop every run of the study that runs or is queued."""
        if self._may("stop"):
            self._ask_to_stop(tuple(line for line in self.current_context().board.lines if line.is_open), whole=True)

    def _ask_to_stop(self, lines: tuple[RunLine, ...], *, whole: bool = False) -> None:
        """`whole`: these are all open runs of the study."""
        if whole and not lines:
            self.post_notice("nothing to stop: no run of this study is running or queued", "warning")
        elif not any(line.is_open for line in lines):
            self.post_notice(nothing_to_stop(lines), "warning")
        else:
            from iqa_tui.screens.stop import StopScreen

            screen = StopScreen(lines, whole=whole)
            self.app.push_screen(screen, lambda order: self._stop(order) if order else None)

    def action_relaunch(self) -> None:
        """Ask how to relaunch the selected or marked runs."""
        if not self._may("relaunch"):
            return
        context = self.current_context()
        if not context.wanted:
            self.post_notice("nothing to relaunch: no run is selected", "warning")
        elif len(context.wanted) == 1:
            from iqa_tui.screens.relaunch import RelaunchScreen

            self.app.push_screen(RelaunchScreen(context.wanted[0], context.target), self._relaunch)
        else:
            from iqa_tui.screens.relaunch_runs import RelaunchRunsScreen

            self.app.push_screen(RelaunchRunsScreen(context.wanted), self._relaunch)

    def action_note(self) -> None:
        """Ask what to note on the selected or marked runs."""
        if not self._may("note"):
            return
        lines = tuple(line for line in self.current_context().wanted if line.run.path.is_dir())
        if not lines:
            self.post_notice("nothing to note on: no run that was queued or started is selected", "warning")
            return
        from iqa_tui.actions.note import note
        from iqa_tui.screens.note import NoteScreen

        def save(order: NoteOrder | None) -> None:
            if order is not None:
                self._run_in_thread("note", lambda _: note(lines, order))

        self.app.push_screen(NoteScreen(lines), save)

    def action_pause(self) -> None:
        """Pause or resume the queue."""
        if not self._may("pause"):
            return
        from iqa_tui.actions import queue

        context = self.current_context()
        act = queue.resume if context.board.paused or context.board.lacks_scheduler else queue.pause
        self._run_in_thread("pause", lambda _: act(context.target, context.changes))

    def action_export(self) -> None:
        """Ask what to export, and where to."""
        if self._may("export"):
            from iqa_tui.screens.export import ExportScreen

            self.app.push_screen(ExportScreen(self.current_context().board), self._export)

    def action_messages(self) -> None:
        from iqa_tui.screens.messages import MessagesScreen

        self.app.push_screen(MessagesScreen(tuple(self.notices)))

    def start_now(self, order: StartOrder) -> None:
        """Start without a dialog."""
        from iqa_tui.actions.start import start

        target = self.current_context().target
        self._run_in_thread("start", lambda check: start(target, order, self._progress_notice(check)))

    def post_notice(self, text: str, severity: Severity = "information") -> None:
        """Show a notice and keep it in the message list."""
        self._publish(Notice(text, severity, time.time()))

    def on_action_screen_action_report(self, message: ActionReport) -> None:
        self._under_way.discard(message.finished)
        last = self.notices[-1] if self.notices else None
        if last is None or last.text != message.notice.text or message.notice.at - last.at > _HINT_AFTER:
            self._publish(message.notice)  # two threads that waited for the same run report the same end: one is enough

    def _publish(self, notice: Notice) -> None:
        if notice.kept:
            self.notices.append(notice)
        timeout = 5 if notice.severity == "information" else 10
        text = "\n".join(map(plain, notice.text.splitlines()))
        self.app.notify(text, severity=notice.severity, timeout=timeout, markup=False)
        self.after_action(notice)

    def _may(self, action: str) -> bool:
        """Whether the action may begin; if not, posts the reason."""
        context = self.current_context()
        if context.readonly:
            self.post_notice(f"this console is read-only (--readonly): {action} is disabled", "warning")
        elif not context.board.read:
            self.post_notice("the study is still being read; try again in a moment", "warning")
        elif action in self._under_way and action != "stop":
            self.post_notice(f"the previous {action} has not finished yet", "warning")
        else:
            return True
        return False

    def _stop(self, order: StopOrder) -> None:
        from iqa_tui.actions.stop import stop

        target = self.current_context().target
        self._run_in_thread("stop", lambda check: stop(target, order, self._stop_hint(check, order)))

    def _relaunch(self, order: RelaunchOrder | StartOrder | None) -> None:
        from iqa_tui.actions.orders import StartOrder
        from iqa_tui.actions.relaunch import relaunch

        if isinstance(order, StartOrder):
            self.start_now(order)
        elif order is not None:
            target = self.current_context().target
            self._run_in_thread("relaunch", lambda _: relaunch(target, order))

    def _export(self, order: ExportOrder | None) -> None:
        from iqa_tui.actions.export import export

        if order is not None:
            target = self.current_context().target
            if order.form == "report":
                self.post_notice(f"writing the report to {order.path}; the figures take a moment")
            self._run_in_thread("export", lambda _: export(target, order))

    def _run_in_thread(self, action: str, act: Callable[[Callable[[], None]], str]) -> None:
        """Run `act` in a thread and report what it returns, or the message of its UserError.

        `act` is given a function to call while it waits, which raises ConsoleClosing once the console closes.
        """
        self._under_way.add(action)

        def work() -> None:
            from iqa_train.errors import UserError

            worker = get_current_worker()

            def check() -> None:
                if worker.is_cancelled:
                    raise ConsoleClosing

            try:
                notice = Notice(act(check), "information", time.time())
            except ConsoleClosing:
                return
            except UserError as error:
                notice = Notice(str(error), "error", time.time())
            except OSError as error:
                notice = Notice(f"{action}: {error.filename or 'a file'}: {error.strerror}", "error", time.time())
            if not worker.is_cancelled:
                self.post_message(self.ActionReport(notice, action))

        self.run_worker(work, name=action, group=f"acting-{action}", thread=True)

    def _stop_hint(self, check: Callable[[], None], order: StopOrder) -> Callable[[], None]:
        """A function to call while runs end: after a while it posts, once, how to kill them."""
        hint_at = time.monotonic() + _HINT_AFTER
        once = Lock()  # taken by the first to post: each run is waited for in a thread of its own

        def waiting() -> None:
            check()
            if order.grace is None and time.monotonic() > hint_at and once.acquire(blocking=False):
                text = "still stopping: a checkpoint is being written; press x again to kill runs that have not ended"
                self.post_message(self.ActionReport(Notice(text, "warning", time.time())))

        return waiting

    def _progress_notice(self, check: Callable[[], None]) -> Callable[[str], None]:
        """A function that posts the progress of a long action now and then."""
        next_at = 0.0

        def report(text: str) -> None:
            nonlocal next_at
            check()
            if time.monotonic() > next_at:
                next_at = time.monotonic() + _HINT_AFTER
                self.post_message(self.ActionReport(Notice(text, "information", time.time(), kept=False)))

        return report
