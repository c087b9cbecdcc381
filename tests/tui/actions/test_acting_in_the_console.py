"""The keys that act, in the real console: its own style sheets lie under the dialogs."""

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from iqa_tui.app import Console
from iqa_tui.screens.start import StartScreen
from tests.faults.fault_project import FaultyProject
from tests.tui.actions.acting_host import target_of

Make = Callable[..., FaultyProject]


async def _until(pilot: Pilot[str], so: Callable[[], object]) -> None:
    for _ in range(400):
        if so():
            return
        await pilot.pause(0.05)
    raise AssertionError("not within 20 s")


@pytest.mark.slow
def test_all_five_runs_of_a_plan_are_seen_and_started(stand_ins: Make) -> None:
    async def go() -> None:
        app = Console(target_of(stand_ins(), slots=2))
        async with app.run_test(size=(80, 24)) as pilot:
            await _until(pilot, lambda: app.board.read)
            await pilot.press("s")
            screen = app.screen
            assert isinstance(screen, StartScreen)
            await _until(pilot, lambda: screen.plan)
            await pilot.press("right", "right", "right")  # three batches, then all
            await _until(pilot, lambda: screen.plan is not None and len(screen.plan.runs) == 5)
            await pilot.pause()
            assert screen.query_one("#planned").size.height == 5
            await pilot.press("enter")
            await _until(pilot, lambda: [line.state for line in app.board.lines].count("completed") == 5)

    asyncio.run(go())
