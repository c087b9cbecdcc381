"""The stop dialog: a list of what is stopped, and whether with a checkpoint or by killing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from iqa_train.runs.state_names import ALIVE, is_words
from iqa_train.text import plural
from iqa_tui.actions.orders import StopOrder, run_name, runs_words
from iqa_tui.actions.stop import seconds_since_stop
from iqa_tui.safe import plain
from iqa_tui.screens.parts.runs_dialog import RunsDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_tui.state.board import RunLine


class StopScreen(RunsDialog[StopOrder]):
    """Returns a StopOrder for those of `lines` that run or are queued. `whole`: they are all such runs of the study."""

    DOES = "Stop"

    def __init__(self, lines: Sequence[RunLine], *, whole: bool = False) -> None:
        super().__init__()
        self._open = tuple(line for line in lines if line.is_open)
        self._idle = tuple(line for line in lines if not line.is_open)
        self.TITLE_WORDS = (
            f"Stop all of this study: {plural(len(lines), 'run')}" if whole else (f"Stop {runs_words(self._open)}")
        )

    def action_accept(self) -> None:
        self.dismiss(StopOrder(tuple(line.key for line in self._open), 0.0 if self.way else None))

    def ways(self) -> list[tuple[bool, str]]:
        methods = [
            (False, "save a checkpoint; killed if that takes over a minute"),
            (True, "kill now; the last checkpoint is kept"),
        ]
        stopping = any(seconds_since_stop(line.run) is not None for line in self._open)
        return methods[::-1] if stopping else methods  # a second x usually means: faster

    def about_runs(self, way: bool) -> list[Content]:
        return [*(_line_about(line, at_once=way) for line in self._open), *map(_line_about_idle, self._idle)]


def _line_about_idle(line: RunLine) -> Content:
    name = plain(run_name(line.run, several_seeds=True))
    return Content.styled(f"{name} {is_words(line.state_name)}: nothing to stop", "dim")


def _line_about(line: RunLine, *, at_once: bool) -> Content:
    row = line.row
    name = plain(run_name(line.run, several_seeds=True))
    if line.state not in ALIVE:
        return Content.assemble(f"{name} is {line.state}: ", ("removed from the queue", "dim"))
    where = f" on {plain(row.device)}" if row and row.device else ""
    done = row.progress.epoch or 0 if row else 0
    epochs = f", {done} of {row.progress.epochs} epochs done" if row and row.progress.epochs else ""
    seconds = seconds_since_stop(line.run)
    if seconds is not None:
        text = f"was asked to stop {seconds:.0f} s ago and is still running"
        return Content.assemble(f"{name}{where}: ", (text, "$text-warning"))
    loss = "; progress since its last checkpoint is lost" if at_once else ""
    return Content.assemble(f"{name} {line.state}{where}{epochs}", (loss, "$text-warning"))
