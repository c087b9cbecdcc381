"""The stop dialog: which runs, and whether with a checkpoint or by killing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_train.runs.state_names import ALIVE
from iqa_train.text import join_names, plural
from iqa_tui.actions.orders import MOST_NAMES, StopOrder
from iqa_tui.actions.stop import seconds_since_stop
from iqa_tui.safe import plain
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, field, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.state.board import RunLine


class StopScreen(Dialog[StopOrder]):
    """Returns a StopOrder. `lines` are the open runs; marked and selected ones are offered first."""

    TITLE_WORDS = "Stop"
    DOES = "Stop"
    KEYS = "←→ change"

    def __init__(self, lines: Sequence[RunLine], selected: RunLine | None = None, marked: Iterable[str] = ()) -> None:
        super().__init__()
        self.lines = tuple(lines)
        self._which = self._choices(selected, frozenset(marked))

    def parts(self) -> Iterable[Widget]:
        yield field("Which", Choice(self._which, id="whom"))
        yield field("How", Choice(self._methods(self._which[0][0]), id="how"))
        yield Static(id="planned", classes="part", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._show()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        message.stop()
        self._show()

    def action_accept(self) -> None:
        lines: tuple[RunLine, ...] = self.query_one("#whom", Choice).value
        at_once: bool = self.query_one("#how", Choice).value
        self.dismiss(StopOrder(tuple(line.key for line in lines), 0.0 if at_once else None))

    def _choices(self, selected: RunLine | None, marked: frozenset[str]) -> list[tuple[tuple[RunLine, ...], str]]:
        choices: list[tuple[tuple[RunLine, ...], str]] = []
        marked_lines = tuple(line for line in self.lines if line.key in marked)
        if marked_lines:
            names = join_names([line.experiment for line in marked_lines], MOST_NAMES)
            choices.append((marked_lines, f"{len(marked_lines)} marked: {names}"))
        first = next((line for line in self.lines if selected is not None and line.key == selected.key), None)
        if first is not None:
            choices.append(((first,), f"{first.experiment} ({first.run.seed_words})"))
        others = [line for line in self.lines if line is not first and line.key not in marked]
        choices += [((line,), f"{line.experiment} ({line.run.seed_words})") for line in others]
        if len(self.lines) > 1:  # never first: stopping everything takes a second key
            choices.append((self.lines, f"all of this study: {plural(len(self.lines), 'run')}, running or queued"))
        return choices

    def _methods(self, lines: Sequence[RunLine]) -> list[tuple[bool, str]]:
        methods = [
            (False, "save a checkpoint; killed if that takes over a minute"),
            (True, "kill now; the last checkpoint is kept"),
        ]
        stopping = any(seconds_since_stop(line.run) is not None for line in lines)
        return methods[::-1] if stopping else methods  # a second x usually means: faster

    def _show(self) -> None:
        lines: tuple[RunLine, ...] = self.query_one("#whom", Choice).value
        at_once: bool = self.query_one("#how", Choice).value
        described = [_line_about(line, at_once=at_once) for line in lines]
        put(self.query_one("#planned", Static), Content("\n").join(described))


def _line_about(line: RunLine, *, at_once: bool) -> Content:
    row = line.row
    name = f"{plain(line.experiment)} ({line.run.seed_words})"
    if line.state not in ALIVE:
        return Content.assemble(f"{name} is queued: ", ("removed from the queue", "dim"))
    where = f" on {plain(row.device)}" if row and row.device else ""
    done = row.progress.epoch or 0 if row else 0
    epochs = f", {done} of {row.progress.epochs} epochs done" if row and row.progress.epochs else ""
    seconds = seconds_since_stop(line.run)
    if seconds is not None:
        text = f"was asked to stop {seconds:.0f} s ago and is still running"
        return Content.assemble(f"{name}{where}: ", (text, "$text-warning"))
    loss = "; progress since its last checkpoint is lost" if at_once else ""
    return Content.assemble(f"{name} {line.state}{where}{epochs}", (loss, "$text-warning"))
