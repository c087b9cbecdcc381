"""The line of batches: where there is no room for all, the others are counted."""

import asyncio
import re

import pytest
from textual.app import App, ComposeResult

from iqa_tui.state.board import BatchLine, Board
from iqa_tui.widgets.batches import Batches


class OneLine(App[None]):
    """The line alone."""

    CSS = "Batches { height: 1; }"

    def compose(self) -> ComposeResult:
        yield Batches()


def shown(done: int, count: int, width: int) -> str:
    batches = tuple(
        BatchLine(f"Batch {n}", (), *((1.0, "done", None) if n <= done else (0.0, "queued", 60.0)))
        for n in range(1, count + 1)
    )

    async def go() -> str:
        app = OneLine()
        async with app.run_test(size=(width, 3)) as pilot:
            app.query_one(Batches).show(Board(batches=batches))
            await pilot.pause()
            return app.query_one(Batches).render().plain

    return asyncio.run(go())


@pytest.mark.parametrize(("done", "count", "width"), [(0, 3, 200), (1, 3, 80), (2, 3, 48), (0, 9, 80), (9, 9, 60)])
def test_every_batch_is_shown_or_counted(done: int, count: int, width: int) -> None:
    text = shown(done, count, width)
    before = int(found[1]) if (found := re.match(r"✓ (\d+) │", text)) else 0
    after = int(found[1]) if (found := re.search(r"│ \+(\d+)$", text)) else 0
    assert re.findall(r"Batch (\d)", text) == [str(n) for n in range(before + 1, count - after + 1)]
    assert len(text) <= width
    assert before <= done
