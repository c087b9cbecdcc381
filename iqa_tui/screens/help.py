"""The help: how the console works, and every key, read from the bindings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from iqa_train.report.sections import Line, Section, prose
from iqa_tui.config import config_path
from iqa_tui.host import console_of
from iqa_tui.widgets.glyphs import GLYPHS
from iqa_tui.widgets.section_page import Page

if TYPE_CHECKING:
    from iqa_tui.keys import Key


class HelpScreen(Screen[None]):
    """A page to read; Escape closes it."""

    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "back", "Back", key_display="esc", id="help.back", tooltip="Close the help")
    ]

    def compose(self) -> ComposeResult:
        yield Static("Keys and how the console works", id="which", markup=False)
        yield Page(id="page")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        from iqa_tui.keys import every_key  # imports every screen

        page = self.query_one(Page)
        console = console_of(self.app)
        page.show([how_it_works(readonly=console.readonly), *key_sections(every_key(), console.config.keys)])
        page.focus()

    def action_back(self) -> None:
        self.dismiss(None)


def how_it_works(*, readonly: bool = False) -> Section:
    """General notes about the console."""
    states = "  ".join(f"{glyph} {state}" for state, glyph in GLYPHS.items())
    lines = [
        "Runs are separate processes: press q or close the terminal, and every run continues. Start iqa-tui again to "
        "come back; any number of consoles may watch the same study.",
        f"States: {states}",
        "0.8208@5: test SRCC of an unfinished run at epoch 5, which is selected so far on validation. Δ is the "
        "difference of the two SRCC in the table, and empty until both runs have finished; before that, the verdict "
        "column has both values at the last epoch that both have. A run that is run again keeps its result until the "
        "new one is complete.",
        "An experiment with several seeds is one line: + shows its seeds. Keys act on all its runs, or on the seed.",
        "Verdict, with several seeds or a seed spread borrowed from others: different (better or worse) if p < 0.05 "
        "after Holm's correction; same within a declared margin; else not decided, with the largest difference that is "
        "still possible. With one seed it is about the runs alone: which is higher, not which component is better. "
        "The line below the table says what the verdicts cover; the page of a run (enter) has the notes in full.",
        f"Keys and theme can be changed in {config_path()}, by the names below.",
    ]
    if readonly:
        lines.insert(0, "This console is read-only (--readonly): keys that change anything are disabled.")
    return Section("How it works", tuple(prose(line) for line in lines))


def key_sections(keys: "Sequence[Key]", changed: Mapping[str, str]) -> list[Section]:
    """A section for each group; changed keys are marked."""
    from iqa_tui.keys import shown_keys

    groups: dict[str, list[Line]] = {}
    for key in _with_digits_merged(keys, changed):
        new_keys = changed.get(key.id)
        words = f"{key.words} (default: {shown_keys(key.keys)})" if new_keys else key.words
        line = Line((shown_keys(new_keys or key.keys), key.id, words), "differs" if new_keys else "")
        groups.setdefault(key.group, []).append(line)
    return [Section(title, tuple(lines), ("Key", "Name", "")) for title, lines in groups.items()]


def _with_digits_merged(keys: "Sequence[Key]", changed: Mapping[str, str]) -> "list[Key]":
    """Merge the keys 1 to 9, which do the same for each number, into one line, unless one was changed."""
    from dataclasses import replace

    digits = [key for key in keys if key.id.rpartition(".")[2].isdecimal() and key.keys.isdecimal()]
    if len(digits) < 2 or any(key.id in changed for key in digits):
        return list(keys)
    first, last = digits[0], digits[-1]
    merged = replace(
        first, id=f"{first.id} to {last.id}", keys=f"{first.keys},…,{last.keys}", words=f"{first.words} to {last.words}"
    )
    return [merged if key is first else key for key in keys if key not in digits[1:]]
