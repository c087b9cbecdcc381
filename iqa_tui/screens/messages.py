"""The latest notices of actions, newest first."""

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

    from iqa_tui.actions.notice import Notice

_STYLES = {"information": "", "warning": "$text-warning", "error": "$text-error"}


class MessagesScreen(Dialog[None]):
    """A list to read; returns nothing."""

    TITLE_WORDS = "Messages"
    DOES = CANCELS = "Close"
    KEYS = "pgup pgdn more"

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__()
        self.notices = tuple(notices)

    def parts(self) -> Iterable[Widget]:
        lines = [
            Content.assemble(
                (f"{time.strftime('%H:%M:%S', time.localtime(notice.at))} ", "dim"),
                (_text(notice.text), _STYLES[notice.severity]),
            )
            for notice in reversed(self.notices)
        ]
        yield Static(Content("\n").join(lines) if lines else Content("No messages yet."), markup=False)

    def action_accept(self) -> None:
        self.dismiss(None)

    def action_downwards(self) -> None:
        self.query_one("#body").scroll_down(animate=False)

    def action_upwards(self) -> None:
        self.query_one("#body").scroll_up(animate=False)


def _text(text: str) -> str:
    return "\n".join(map(plain, text.splitlines()))
