"""A log view with a status line and a prompt that appears on demand."""

from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from iqa_tui.logview.prompt import Prompt
from iqa_tui.logview.status import status_text
from iqa_tui.logview.view import LogView


class LogPane(Vertical):
    """What screens embed: `show` opens a log in `view`."""

    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        & LogView { height: 1fr; }
        & #log-status { height: 1; background: $panel; color: $foreground; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.title = ""
        self.ended = False
        self.view = LogView()
        self._status = Static(id="log-status", markup=False)
        self._prompt = Prompt()

    def compose(self) -> ComposeResult:
        yield self.view
        yield self._prompt
        yield self._status

    def show(self, title: str, path: Path | None) -> None:
        """Show another log. `title` may be any text; it is never read as markup."""
        self.title = title
        self.view.open(path)
        self._update_status()

    def describe(self, title: str, *, ended: bool) -> None:
        """What stands below the log, and whether nothing more is written to it."""
        if (title, ended) != (self.title, self.ended):
            self.title, self.ended = title, ended
            self._update_status()

    def ask(self, kind: str) -> None:
        """Open the prompt: `search`, `filter` or `goto`."""
        current = {"search": self.view.search_text, "filter": self.view.filter_text}
        self._prompt.ask(kind, current.get(kind, ""))

    def on_mount(self) -> None:
        self._update_status()

    def on_log_view_changed(self) -> None:
        self._update_status()

    def on_log_view_prompt_requested(self, message: LogView.PromptRequested) -> None:
        message.stop()
        self.ask(message.kind)

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        message.stop()
        if message.kind == "search":
            self.view.search(message.text)
        elif message.kind == "filter":
            self.view.filter(message.text)
        elif message.text.strip().isdecimal():
            self.view.goto(int(message.text.strip()[:15]))
        self.view.focus()

    def on_prompt_cancelled(self, message: Prompt.Cancelled) -> None:
        message.stop()
        self.view.focus()

    def _update_status(self) -> None:
        self._status.update(Content(status_text(self.title, replace(self.view.status, ended=self.ended))), layout=False)
