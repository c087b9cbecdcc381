"""A dialog to choose from a short list in groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from iqa_tui.safe import content


@dataclass(frozen=True)
class Pick:
    """An entry: `name`, listed under `group`, with `words` beside it."""

    kind: str
    key: str
    name: str
    group: str
    words: str = ""


class Picks(OptionList, inherit_bindings=False):
    """The list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "cursor_down", "Down", show=False, id="dialog.list-down", tooltip="Next entry"),
        Binding("k,up", "cursor_up", "Up", show=False, id="dialog.list-up", tooltip="Previous entry"),
        Binding("g,home", "first", "First", show=False, id="dialog.list-first", tooltip="First entry"),
        Binding("G,end", "last", "Last", show=False, id="dialog.list-last", tooltip="Last entry"),
        Binding("pagedown", "page_down", show=False, id="dialog.list-page-down", tooltip="One page down the list"),
        Binding("pageup", "page_up", show=False, id="dialog.list-page-up", tooltip="One page up the list"),
        Binding("enter", "select", "Choose", id="dialog.list-choose", tooltip="Choose the entry"),
    ]


class PickScreen(ModalScreen[Pick | None]):
    """Dismissed with the chosen entry, or None."""

    CSS_PATH = "pick.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel", key_display="esc", id="dialog.list-leave", tooltip="Close the list")
    ]

    def __init__(self, title: str, picks: Sequence[Pick]) -> None:
        super().__init__()
        self._title = title
        self._picks = tuple(picks)

    def compose(self) -> ComposeResult:
        with Vertical(id="picks") as box:
            box.border_title = content(self._title)
            if not self._picks:
                yield Static("nothing to choose from", markup=False)
            yield Picks(*self._options(), markup=False)
            yield Static("enter Choose  esc Cancel", id="how", markup=False)

    def on_mount(self) -> None:
        self.query_one(Picks).focus()
        self.query_one(Picks).action_first()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._picks[int(event.option.id or 0)])

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _options(self) -> list[Option]:
        widest = max((cell_len(content(pick.name).plain) for pick in self._picks), default=0)
        options: list[Option] = []
        group = ""
        for n, pick in enumerate(self._picks):
            if pick.group != group:
                group = pick.group
                options.append(Option(content(group, "bold $text-primary"), disabled=True))
            name = content(pick.name)
            options.append(
                Option(name.pad_right(widest - name.cell_length + 2) + content(pick.words, "$text-muted"), str(n))
            )
        return options
