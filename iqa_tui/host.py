"""What screens and the command palette use of the app, so that neither imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from textual.app import App

    from iqa_train.scheduler.queue_undo import Change
    from iqa_tui.config import Config
    from iqa_tui.state.board import Board, Target


@runtime_checkable
class ConsoleApp(Protocol):
    """The app: what it knows, and what it does for its screens."""

    board: Board
    target: Target
    readonly: bool
    config: Config
    queue_changes: list[Change]

    def look_now(self) -> None:
        """Read the study again at once."""

    def open_study(self, name: str) -> None:
        """Watch another study instead."""

    def go_to_run(self, key: str) -> None:
        """Return to the study screen, with the cursor on a run."""


def console_of(app: App[object]) -> ConsoleApp:
    """`app`, which every screen of the console runs on."""
    assert isinstance(app, ConsoleApp)
    return app
