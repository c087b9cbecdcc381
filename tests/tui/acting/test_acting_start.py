"""s: what is started, what is skipped and why, and what forbids a start."""

from collections.abc import Callable

from acting_host import Host, drive, planned, said, target_of, until
from textual.pilot import Pilot

from tests.faults.fault_project import FaultyProject

Make = Callable[..., FaultyProject]


def states(app: Host, *wanted: str) -> list[str]:
    """The experiments in one of these states."""
    app.host.look()
    return [line.experiment for line in app.host.board.lines if line.state in wanted]


def test_the_next_batch_is_offered_first_and_after_it_the_one_after_it(stand_ins: Make) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await planned(pilot)
        assert "Batch 1: Baseline, A1" in app.shown()
        assert [p.spec.experiment for p in app.screen.plan.to_do] == ["Baseline", "A1"]
        await pilot.press("enter")
        assert "2 runs queued: Baseline, A1" in await said(pilot, "queued")
        await until(pilot, "both are complete", lambda: states(app, "completed") == ["Baseline", "A1"])
        await pilot.press("s")
        await planned(pilot)
        assert "Batch 2: A2, B1" in app.shown()

    drive(target_of(stand_ins(), slots=2), act)
