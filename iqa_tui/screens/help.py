"""Every key, as the bindings themselves tell it, and how the console works."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from iqa_train.report.sections import Line, Section, prose
from iqa_tui.config import config_path
from iqa_tui.widgets.glyphs import GLYPHS
from iqa_tui.widgets.section_page import Page

if TYPE_CHECKING:
    from iqa_tui.keys import Key


class HelpScreen(Screen[None]):
    """A page to read; Escape goes back to where one was."""

    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,question_mark", "back", "Back", key_display="esc", id="help.back", tooltip="Back to where one was"
        )
    ]

    def compose(self) -> ComposeResult:
        """A title, the page, its keys."""
        yield Static("Keys and how the console works", id="which", markup=False)
        yield Page(id="page")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read the bindings."""
        from iqa_tui.keys import every_key  # which imports every screen that there is

        page = self.query_one(Page)
        changed = getattr(getattr(self.app, "config", None), "keys", {})
        page.show([how_it_works(readonly=getattr(self.app, "readonly", False)), *key_sections(every_key(), changed)])
        page.focus()

    def action_back(self) -> None:
        """Back."""
        self.dismiss(None)


def how_it_works(*, readonly: bool = False) -> Section:
    """What no key says."""
    states = "  ".join(f"{glyph} {state}" for state, glyph in GLYPHS.items())
    lines = [
        "The console only shows and asks: runs have processes of their own. q leaves, closing the terminal leaves, and "
        "every run goes on; iqa-tui comes back to it, and any number of consoles may watch.",
        f"States: {states}",
        "A star behind a number: provisional, since this run or the baseline is not finished.",
        "Verdict: within, below or above what was expected; better or worse where the difference from the baseline is "
        "more than chance (p < 0.05 after Holm's correction, and an interval without zero); ~N seeds where about so "
        "many would be needed to tell; no difference where no number of seeds would.",
        f"Any key can be changed, and a theme be chosen, in {config_path()}; names for it stand below.",
    ]
    if readonly:
        lines.insert(0, "This console only looks (--readonly): keys that act are refused.")
    return Section("How it works", tuple(prose(line) for line in lines))


def key_sections(keys: "Sequence[Key]", changed: Mapping[str, str]) -> list[Section]:
    """A section for each group; keys that the user has changed are marked."""
    from iqa_tui.keys import shown_keys

    groups: dict[str, list[Line]] = {}
    for key in _without_rows_of_digits(keys, changed):
        own = changed.get(key.id)
        words = f"{key.words} (usually {shown_keys(key.keys)})" if own else key.words
        line = Line((shown_keys(own or key.keys), key.id, words), "differs" if own else "")
        groups.setdefault(key.group, []).append(line)
    return [Section(title, tuple(lines), ("Key", "Name", "")) for title, lines in groups.items()]


def _without_rows_of_digits(keys: "Sequence[Key]", changed: Mapping[str, str]) -> "list[Key]":
    """Nine keys that do the same for the numbers 1 to 9 are one line, unless somebody has changed one of them."""
    from dataclasses import replace

    row = [key for key in keys if key.id.rpartition(".")[2].isdecimal() and key.keys.isdecimal()]
    if len(row) < 2 or any(key.id in changed for key in row):
        return list(keys)
    first, last = row[0], row[-1]
    one = replace(
        first, id=f"{first.id} to {last.id}", keys=f"{first.keys},…,{last.keys}", words=f"{first.words} to {last.words}"
    )
    return [one if key is first else key for key in keys if key not in row[1:]]
