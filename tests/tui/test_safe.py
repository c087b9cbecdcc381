"""Text of others on the screen: nothing a terminal obeys, nothing read as markup, nothing that shifts columns."""

import asyncio
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widgets import DataTable, Label, Static

from iqa_tui import safe

ANY = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = safe.plain(text)
    left = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}}
    assert not left
    shown.encode()  # lone surrogates cannot be written to a terminal


@given(ANY)
def test_making_it_safe_twice_changes_nothing_more(text: str) -> None:
    assert safe.plain(safe.plain(text)) == safe.plain(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lr5e7 Δ é 試驗", "lr5e7 Δ é 試驗"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("a\x9b2Jb", "a\\u009b2Jb"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("name\udcff.log", "name\\udcff.log"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u0301x", "◌\u0301x"),
        ("a" + "\u0301" * 50 + "b", "a\u0301\u0301\u0301b"),
    ],
)
def test_shown_as(text: str, shown: str) -> None:
    assert safe.plain(text) == shown


@pytest.mark.parametrize("text", ["[/]", "[/usr/bin/python]", "[bold]x", "[@click=app.bell]x[/]", "$x [$x]", "\\[a]"])
def test_widgets_show_brackets_as_brackets(text: str) -> None:
    class Shows(App[None]):
        def compose(self) -> ComposeResult:
            yield Label(safe.content(text))
            yield Static(safe.content(text, "bold"))
            yield DataTable()

        def on_mount(self) -> None:
            table: DataTable[object] = self.query_one(DataTable)
            table.add_column("c")
            table.add_row(safe.text(text))

    async def rows_shown() -> list[str]:
        async with Shows().run_test(size=(60, 10)) as pilot:
            await pilot.pause()
            return ["".join(s.text for s in strip) for strip in pilot.app.screen._compositor.render_strips()]

    rows = asyncio.run(rows_shown())
    assert rows[0].rstrip() == text
    assert rows[1].rstrip() == text
    assert rows[3].strip() == text
