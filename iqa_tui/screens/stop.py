"""What is to be stopped, with a checkpoint; or, of runs that were asked before, killed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_train.runs.state_names import ALIVE
from iqa_train.text import join_names, plural
from iqa_tui.actions.orders import StopOrder
from iqa_tui.actions.stop import asked_since
from iqa_tui.safe import plain
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, field, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.state.board import RunLine


class StopScreen(Dialog[StopOrder]):
    """Returns a StopOrder. `lines` are those that run or wait; of them, what is marked or chosen comes first."""

    TITLE_WORDS = "Stop"
    DOES = "Stop"
    KEYS = "←→ change"

    def __init__(self, lines: Sequence[RunLine], chosen: RunLine | None = None, marked: Iterable[str] = ()) -> None:
        super().__init__()
        self.lines = tuple(lines)
        self._which = self._choices(chosen, frozenset(marked))

    def parts(self) -> Iterable[Widget]:
        """Which, how, and what that means for each."""
        yield field("Which", Choice(self._which, id="whom"))
        yield field("How", Choice(self._ways(self._which[0][0]), id="how"))
        yield Static(id="planned", classes="part", markup=False)

    def on_mount(self) -> None:
        """Say what it means."""
        super().on_mount()
        self._show()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        """Say what it means now."""
        message.stop()
        self._show()

    def action_accept(self) -> None:
        """Enter."""
        lines: tuple[RunLine, ...] = self.query_one("#whom", Choice).value
        at_once: bool = self.query_one("#how", Choice).value
        self.dismiss(StopOrder(tuple(line.key for line in lines), 0.0 if at_once else None))

    def _choices(self, chosen: RunLine | None, marked: frozenset[str]) -> list[tuple[tuple[RunLine, ...], str]]:
        found: list[tuple[tuple[RunLine, ...], str]] = []
        of_mark = tuple(line for line in self.lines if line.key in marked)
        if of_mark:
            found.append(
                (of_mark, f"{len(of_mark)} marked: {join_names([line.experiment for line in of_mark], most=5)}")
            )
        mine = next((line for line in self.lines if chosen is not None and line.key == chosen.key), None)
        if mine is not None:
            found.append(((mine,), f"{mine.experiment} (seed {mine.seed})"))
        others = [line for line in self.lines if line is not mine and line.key not in marked]
        found += [((line,), f"{line.experiment} (seed {line.seed})") for line in others]
        if len(self.lines) > 1:  # never the first: it takes a second key to stop everything
            found.append((self.lines, f"all of this study: {plural(len(self.lines), 'run')} that run or wait"))
        return found

    def _ways(self, lines: Sequence[RunLine]) -> list[tuple[bool, str]]:
        ways = [
            (False, "with a checkpoint; killed after a minute without one"),
            (True, "kill at once; the last checkpoint stays"),
        ]
        asked = any(asked_since(line.run) is not None for line in lines)
        return ways[::-1] if asked else ways  # who presses x again wants it faster

    def _show(self) -> None:
        lines: tuple[RunLine, ...] = self.query_one("#whom", Choice).value
        at_once: bool = self.query_one("#how", Choice).value
        described = [_line_about(line, at_once=at_once) for line in lines]
        put(self.query_one("#planned", Static), Content("\n").join(described))


def _line_about(line: RunLine, *, at_once: bool) -> Content:
    row = line.row
    name = f"{plain(line.experiment)} (seed {line.seed})"
    if line.state not in ALIVE:
        return Content.assemble(f"{name} waits: ", ("is taken out of the queue", "dim"))
    where = f" on {plain(row.device)}" if row and row.device else ""
    done = row.progress.epoch or 0 if row else 0
    epochs = f", {done} of {row.progress.epochs} epochs done" if row and row.progress.epochs else ""
    asked = asked_since(line.run)
    if asked is not None:
        since = f"was asked to end {asked:.0f} s ago and still runs"
        return Content.assemble(f"{name}{where}: ", (since, "$text-warning"))
    loses = "; what it did since its last checkpoint is lost" if at_once else ""
    return Content.assemble(f"{name} {line.state}{where}{epochs}", (loses, "$text-warning"))
