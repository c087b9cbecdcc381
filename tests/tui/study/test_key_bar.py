"""The last line: keys in the order of use, none that does nothing now, and help and leaving at every width."""

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from iqa_tui.screens.idle_keys import idle_keys
from iqa_tui.state.board import BatchLine, Board
from iqa_tui.widgets.detail import start_hint
from tests.tui.looks.still import Still
from tests.tui.study.test_filter_and_order import many, screen, table_of
from tests.tui.study.test_study_parts import line


def bar(pilot: Pilot[str]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "".join(segment.text for segment in strips[-1]).strip() if strips else ""


@pytest.mark.parametrize("width", [50, 60, 80, 120, 160])
async def test_help_and_leaving_are_there_at_every_width(width: int) -> None:
    async with table_of(5, (width, 30)) as (pilot, table):
        assert bar(pilot).endswith("? Help  q Detach"), screen(table)
        if width >= 80:
            assert bar(pilot).startswith("⏎ Details  space Mark  c Compare")  # read-only: nothing that acts


async def test_keys_that_act_come_first_and_only_while_they_do_something() -> None:
    app = Still(many(5))
    app.readonly = False
    async with app.run_test(size=(160, 40)) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if "Details" in bar(pilot):
                break
        assert bar(pilot).startswith("s Start  R Relaunch  ⏎ Details")  # the first has failed
        await pilot.press("j")
        await pilot.pause()
        assert bar(pilot).startswith("s Start  x Stop  ⏎ Details")  # the second runs
        assert "v Plot" not in bar(pilot)  # there are no epochs
        app.board = replace(app.board, paused=True)
        await pilot.pause()
        assert "p Resume" in bar(pilot)


async def test_while_a_filter_is_typed_letters_are_text() -> None:
    async with table_of(5) as (pilot, _):
        await pilot.press("slash")
        await pilot.pause()
        assert "Detach" not in bar(pilot)
        assert "esc All runs" in bar(pilot)


async def test_a_click_presses_the_key() -> None:
    async with table_of(5) as (pilot, table):
        await pilot.click("#keybar", offset=(bar(pilot).index("/ Filter"), 0))
        await pilot.pause()
        assert not table.has_focus


def test_what_is_done_leaves_nothing_to_start_stop_or_pause() -> None:
    done = Board(lines=(line(1, "Baseline", "completed"), line(2, "A1", "completed")), read=True)
    assert {"runs.start", "runs.stop", "queue.pause"} <= idle_keys(done, done.lines[:1], log=True)
    assert "runs.relaunch" not in idle_keys(done, done.lines[:1], log=True)


def test_before_the_first_start_it_says_how_to_start() -> None:
    new = Board(
        lines=(line(1, "Baseline"), line(2, "A1")), read=True, batches=(BatchLine("Batch 1", ("A1",), 0.0, "", None),)
    )
    assert start_hint(new) == "press s to start Batch 1, ? for all keys"
    assert start_hint(replace(new, lines=(line(1, "Baseline", "queued"), line(2, "A1")))) == ""
