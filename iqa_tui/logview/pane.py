"""A log view with what belongs to it: a status line, and a prompt that appears when it is asked for."""

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from iqa_tui.logview.prompt import Prompt
from iqa_tui.logview.status import words
from iqa_tui.logview.view import LogView


class LogPane(Vertical):
    """What screens embed. `show` says which log; `view` does the rest."""

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
        self.view = LogView()
        self._status = Static(id="log-status", markup=False)
        self._prompt = Prompt()

    def compose(self) -> ComposeResult:
        """View, prompt, status line."""
        yield self.view
        yield self._prompt
        yield self._status

    def show(self, title: str, path: Path | None) -> None:
        """Show another log. `title` may be any text: it is shown as it is, never read as markup."""
        self.title = title
        self.view.open(path)
        self._say()

    def ask(self, what: str) -> None:
        """Open the prompt: `search`, `filter` or `goto`."""
        now = {"search": self.view.search_text, "filter": self.view.filter_text}
        self._prompt.ask(what, now.get(what, ""))

    def on_mount(self) -> None:
        """Say what there is before anything happens."""
        self._say()

    def on_log_view_changed(self) -> None:
        """Say what there is now."""
        self._say()

    def on_log_view_asked(self, message: LogView.Asked) -> None:
        """Open the prompt."""
        message.stop()
        self.ask(message.what)

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        """Do what was typed."""
        message.stop()
        if message.what == "search":
            self.view.search(message.text)
        elif message.what == "filter":
            self.view.show_only(message.text)
        elif message.text.strip().isdecimal():
            self.view.goto(int(message.text.strip()[:15]))
        self.view.focus()

    def on_prompt_left(self, message: Prompt.Left) -> None:
        """Back to the log."""
        message.stop()
        self.view.focus()

    def _say(self) -> None:
        self._status.update(Content(words(self.title, self.view.status)), layout=False)
