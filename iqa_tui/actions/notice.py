"""What actions work on, and what they report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from iqa_tui.state.board import Board, RunLine, Target

if TYPE_CHECKING:
    from iqa_train.scheduler.queue_undo import Change

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True)
class ActionContext:
    """What an action works on: the study, the run under the cursor, the keys of the marked runs.

    `chosen` are the runs under the cursor, all those of an experiment; `changes` those of the queue that this console
    has made, to which actions add.
    """

    board: Board
    target: Target
    line: RunLine | None = None
    marked: frozenset[str] = frozenset()
    readonly: bool = False
    chosen: tuple[RunLine, ...] = ()
    changes: list[Change] = field(default_factory=list)

    @property
    def wanted(self) -> tuple[RunLine, ...]:
        """The marked runs; without marks, those under the cursor."""
        marked = tuple(line for line in self.board.lines if line.key in self.marked)
        return marked or self.under_cursor

    @property
    def under_cursor(self) -> tuple[RunLine, ...]:
        """The run under the cursor, or the runs of the experiment."""
        return self.chosen or ((self.line,) if self.line is not None else ())


@dataclass(frozen=True)
class Notice:
    """What an action did, or why it was refused; `at` in seconds since the epoch.

    `kept`: it stays in the list of messages; how far an action is does not.
    """

    text: str
    severity: Severity = "information"
    at: float = 0.0
    kept: bool = True


class ConsoleClosing(Exception):  # noqa: N818 (an event, not an error)
    """The console is closing: a thread that waits for something gives up."""
