"""The tabs above the log: as many as fit, the selected one among them, and how many are left out on either side."""

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from iqa_tui.state.board import Board
from iqa_tui.widgets.logtabs import LogTabs
from tests.tui.study.test_study_parts import line


class Tabs(App[None]):
    """The tabs alone."""

    CSS = "LogTabs { height: 1; text-wrap: nowrap; }"

    def compose(self) -> ComposeResult:
        yield LogTabs()


def shown(names: list[str], selected: int, width: int) -> str:
    lines = tuple(line(n, name, "running") for n, name in enumerate(names, 1))

    async def go() -> str:
        app = Tabs()
        async with app.run_test(size=(width, 3)) as pilot:
            app.query_one(LogTabs).show(Board(lines=lines), lines[selected].key)
            await pilot.pause()
            return app.query_one(LogTabs).render().plain

    return asyncio.run(go())


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 40), st.integers(0, 39), st.integers(30, 120))
def test_every_run_is_shown_or_counted(count: int, at: int, width: int) -> None:
    names = [f"E{n:02d}" for n in range(count)]
    selected = min(at, count - 1)
    text = shown(names, selected, width)
    before, after = (int(found[1]) if (found := re.search(rf, text)) else 0 for rf in (r"^‹(\d+) ", r"\+(\d+) ›$"))
    tabs = re.findall(r"E\d\d", text)
    assert names[selected] in tabs
    assert tabs == names[before : count - after]
    assert len(text.rstrip()) <= width


def test_tabs_have_their_key_and_their_state() -> None:
    assert shown(["Baseline", "A1"], 0, 80).rstrip() == "[1] Baseline ▶  [2] A1 ▶"
