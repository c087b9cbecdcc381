"""The base of all dialogs: a box with fields, a complaint and the keys. Enter accepts, Escape cancels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from iqa_tui.safe import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget
    from textual.widgets import Input

Result = TypeVar("Result")

_FRAME = 2


class _Body(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The fields; without keys of its own, which would scroll a long form where the dialog's go from field to field."""


class Dialog(ModalScreen[Result]):
    """Dismissed with the decision, or with None."""

    CSS_PATH = Path(__file__).parents[1] / "dialog.tcss"  # absolute: a relative path is looked up beside each subclass
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012 (as Textual has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.leave", tooltip="Cancel"),
        Binding("enter", "accept", "Do it", id="dialog.accept", tooltip="Accept"),
        Binding("up", "upwards", "Up", show=False, id="dialog.up"),
        Binding("down", "downwards", "Down", show=False, id="dialog.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="dialog.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="dialog.pagedown"),
    ]
    TITLE_WORDS = ""
    DOES = "Do it"
    CANCELS = "Cancel"
    KEYS = "↑↓ field  ←→ change"

    def parts(self) -> Iterable[Widget]:
        """The widgets in the box, from top to bottom."""
        raise NotImplementedError

    def action_accept(self) -> None:
        """Dismiss with the decision, or complain."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(plain(self.TITLE_WORDS))
            with _Body(id="body"):
                yield from self.parts()
            yield Static(id="complaint", markup=False)
            yield Static(Content.assemble(*self._keys()), id="keys", markup=False)

    def on_mount(self) -> None:
        self.complain("")

    def on_resize(self, event: events.Resize) -> None:
        """Keep the complaint and the keys visible; the fields scroll if needed."""
        self._fit(event.size.height)

    def complain(self, words: str, *, good: bool = False) -> None:
        """Show what is wrong; `good` shows it as information."""
        line = self.query_one("#complaint", Static)
        line.set_class(good, "-good")
        line.display = bool(words)
        line.update(Content("\n".join(map(plain, words.splitlines()))))
        self._fit(self.size.height)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_upwards(self) -> None:
        """Go to the field above, or scroll up first if the last field was scrolled past."""
        body = self.query_one("#body", VerticalScroll)
        if self._at_last and body.scroll_offset.y > 0:
            body.scroll_up(animate=False)
        else:
            self.focus_previous()

    def action_downwards(self) -> None:
        """Go to the field below, or scroll down from the last one."""
        if self._at_last:
            self.query_one("#body", VerticalScroll).scroll_down(animate=False)
        else:
            self.focus_next()

    def action_page(self, by: int) -> None:
        """Scroll by a page."""
        body = self.query_one("#body", VerticalScroll)
        if by < 0:
            body.scroll_page_up(animate=False)
        else:
            body.scroll_page_down(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field accepts the dialog."""
        event.stop()
        self.action_accept()

    @property
    def _at_last(self) -> bool:
        return bool(self.focus_chain) and self.focused is self.focus_chain[-1]

    def _fit(self, height: int) -> None:
        complaint = self.query_one("#complaint", Static)
        below = (1 if self.has_class("-short") else 2) + (self._complaint_height(complaint) if complaint.display else 0)
        self.query_one("#body").styles.max_height = max(3, height - _FRAME - below)

    def _complaint_height(self, complaint: Static) -> int:
        content = complaint.visual
        width = min(self.size.width, 84) - 4
        lines = content.get_height({}, max(width, 10)) if hasattr(content, "get_height") else 1
        return min(lines, 4) + (0 if self.has_class("-short") else 1)

    def _keys(self) -> list[str | tuple[str, str]]:
        """The last line: keys in bold, each with what it does."""
        words: list[str | tuple[str, str]] = [("enter", "bold"), f" {self.DOES}  "]
        for pair in self.KEYS.split("  "):
            *keys, what = pair.split(" ")
            words += [(" ".join(keys), "bold"), f" {what}  "]
        return [*words, ("esc", "bold"), f" {self.CANCELS}"]


def field(label: str, widget: Widget) -> Horizontal:
    """A line of the form: a label and a widget."""
    return Horizontal(Label(label, classes="label", markup=False), widget, classes="field")


def put(part: Static, words: Content | str) -> None:
    """Show `words` in `part`, or hide it if there are none."""
    shown = words if isinstance(words, Content) else Content(words)
    part.update(shown)
    part.display = bool(shown)
