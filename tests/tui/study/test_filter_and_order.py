"""Finding runs in a long table: a filter, orders, and the next one that runs or has failed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from textual.pilot import Pilot

from iqa_train.results.table import ResultRow
from iqa_tui.state.board import Board
from iqa_tui.widgets.run_table import RunTable
from tests.tui.looks.still import Still
from tests.tui.study.test_study_parts import line

STATES = ("completed", "failed", "running", "queued", "")


def many(count: int) -> Board:
    """Every fifth run has failed, every fifth runs."""
    lines = []
    for n in range(1, count + 1):
        state = STATES[n % 5]
        result = None
        if state == "completed":
            result = ResultRow(f"E{n:03}", value=0.8 + n / 10000, delta=n / 10000 - 0.01, state=state)
        lines.append(replace(line(n, f"E{n:03}", state, result, srcc=0.8 + n / 10000), title=f"variant {n % 7}"))
    return Board(study="s", lines=tuple(lines), read=True)


@asynccontextmanager
async def table_of(count: int, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Pilot[str], RunTable]]:
    app = Still(many(count))
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if app._study is not None and app._study.is_mounted and app._study.query_one(RunTable).entries:
                break
        await pilot.pause()
        yield pilot, app.screen.query_one(RunTable)


def names(table: RunTable) -> list[str]:
    return [entry.run.experiment for entry in table.entries]


def screen(table: RunTable) -> str:
    strips = table.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_words_and_states_filter_the_table_as_they_are_typed_and_escape_ends_it() -> None:
    async with table_of(20) as (pilot, table):
        await pilot.press("slash", *"FAILED")
        await pilot.pause()
        assert names(table) == ["E001", "E006", "E011", "E016"]
        assert "4 of 20 shown" in screen(table)
        await pilot.press(*" 3", "enter")  # all of the words; that of titles, too
        await pilot.pause()
        assert names(table) == []
        await pilot.press("slash", *"failed 6", "enter")  # in place of what was there
        await pilot.pause()
        assert names(table) == ["E006", "E016"]
        assert table.has_focus
        assert table.entry is not None
        await pilot.press("j", "j", "j")
        assert table.selected == table.entries[-1].key
        await pilot.press("escape")
        await pilot.pause()
        assert len(names(table)) == 20
        assert "shown" not in screen(table)


async def test_the_number_of_a_run_that_the_filter_hides_shows_it() -> None:
    async with table_of(20) as (pilot, table):
        await pilot.press("slash", *"failed", "enter", "2")
        await pilot.pause()
        assert table.entry is not None
        assert table.entry.run.experiment == "E002"
        assert len(names(table)) == 20


async def test_a_key_cycles_the_order_which_the_head_shows() -> None:
    async with table_of(15) as (pilot, table):
        await pilot.press("S")
        await pilot.pause()
        assert "State ▾" in screen(table)
        assert names(table)[:3] == ["E001", "E006", "E011"]  # failed
        assert names(table)[-3:] == ["E004", "E009", "E014"]  # never started
        await pilot.press("S")
        await pilot.pause()
        assert "SRCC ▾" in screen(table)
        assert names(table)[0] == "E015"
        await pilot.press("S")
        await pilot.pause()
        assert names(table)[:3] == ["E015", "E010", "E005"]
        await pilot.press("S")
        await pilot.pause()
        assert "Verdict ▾" in screen(table)
        await pilot.press("S")
        await pilot.pause()
        assert "▾" not in screen(table)
        assert names(table) == [f"E{n:03}" for n in range(1, 16)]


async def test_keys_lead_to_the_next_run_that_runs_or_has_failed() -> None:
    async with table_of(300, (80, 24)) as (pilot, table):
        found = []
        for key in ("r", "r", "exclamation_mark", "r", "G", "exclamation_mark"):
            await pilot.press(key)
            await pilot.pause()
            assert table.entry is not None
            found.append(table.entry.run.experiment)
        assert found == ["E002", "E007", "E011", "E012", "E300", "E001"]
        assert "E001" in screen(table)


async def test_a_long_table_has_one_scrollbar_and_it_is_upright() -> None:
    async with table_of(300, (120, 36)) as (_, table):
        assert table.show_vertical_scrollbar
        assert not table.show_horizontal_scrollbar


async def test_y_copies_folder_log_command_or_row_of_the_selected_run() -> None:
    async with table_of(5) as (pilot, _):
        copied = []
        for steps in (0, 1, 2):
            await pilot.press("y", *["right"] * steps, "enter")
            await pilot.pause()
            copied.append(pilot.app.clipboard)
        folder, command, row = copied
        assert folder.endswith("/runs/s/E001/s1-0000000000")
        assert command == "iqa-train --exp E001 --seeds 1"
        heads, cells = (text.split("\t") for text in row.split("\n"))
        assert cells[heads.index("State")] == "✗ failed"
