"""What actions did, or why not: the last sentences, the latest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from iqa_tui.safe import plain
from iqa_tui.screens.parts.dialog import Dialog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from iqa_tui.actions.action_screen import Notice

_STYLES = {"information": "", "warning": "$text-warning", "error": "$text-error"}


class MessagesScreen(Dialog[None]):
    """Returns nothing."""

    TITLE_WORDS = "Messages"
    DOES = "Close"
    KEYS = "pgup pgdn more"

    def __init__(self, said: Sequence[Notice]) -> None:
        super().__init__()
        self.said = tuple(said)

    def parts(self) -> Iterable[Widget]:
        """A paragraph each."""
        lines = [
            Content.assemble(
                (f"{time.strftime('%H:%M:%S', time.localtime(one.at))} ", "dim"),
                (_text(one.text), _STYLES[one.severity]),
            )
            for one in reversed(self.said)
        ]
        yield Static(Content("\n").join(lines) if lines else Content("Nothing has been done yet."), markup=False)

    def action_accept(self) -> None:
        """Enter closes, too."""
        self.dismiss(None)

    def action_downwards(self) -> None:
        """A line down."""
        self.query_one("#body").scroll_down(animate=False)

    def action_upwards(self) -> None:
        """A line up."""
        self.query_one("#body").scroll_up(animate=False)


def _text(text: str) -> str:
    return "\n".join(map(plain, text.splitlines()))
