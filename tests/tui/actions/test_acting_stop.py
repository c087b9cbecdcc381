"""x and p: stopping with a checkpoint, killing, stopping all; pausing and resuming the queue."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from iqa_tui.actions.stop import seconds_since_stop
from iqa_tui.screens.stop import StopScreen
from tests.faults.fault_project import FaultyProject
from tests.tui.actions.acting_host import Host, drive, notice_with, planned, states, target_of, until

Make = Callable[..., FaultyProject]


def test_a_run_is_stopped_with_its_checkpoint_and_its_processes_are_gone(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold,Baseline=hold")
    project.run("--batch", "1", "--detach", "--slots", "2")
    project.wait_for_worker("A1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, "both run", lambda: len(states(app, "running")) == 2)
        app.host.selected = "A1"
        await pilot.press("x")
        await pilot.pause()
        assert "A1 (seed 42) running on CPU slot" in app.shown()
        await pilot.press("enter")
        assert await notice_with(pilot, "A1 was stopped after epoch 1 of 3; press R to continue from its checkpoint")
        assert states(app, "stopped") == ["A1"]

    drive(target_of(project), act)
    assert project.of_role("worker", "/A1/") == []
    assert project.of_role("worker", "/Baseline/") != []
    assert (project.run_folder("A1") / "checkpoints" / "last.json").exists()


def test_escape_stops_nothing_and_all_stops_running_runs_and_removes_queued_ones(stand_ins: Make) -> None:
    project = stand_ins(behaviour="*=hold")
    project.run("--all", "--detach", "--slots", "1")
    project.wait_for_worker("Baseline")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, "it runs", lambda: states(app, "running"))
        await pilot.press("x")
        assert await notice_with(pilot, "nothing to stop: no run is selected")
        app.host.selected = "Baseline"
        await pilot.press("x", "escape")
        await pilot.pause()
        assert states(app, "running") == ["Baseline"]
        await pilot.press("x")
        await pilot.pause()
        assert "Baseline (seed 42)" in app.shown()
        assert "A1 (seed" not in app.shown()
        await pilot.press("escape", "X")
        await pilot.pause()
        assert "Stop all of this study: 5 runs" in app.shown()
        await pilot.press("enter")
        notice = await notice_with(pilot, "Baseline was stopped")
        for waiting in ("A1", "A2", "B1", "B2"):
            assert f"{waiting} was queued and has been removed from the queue" in notice
        await pilot.press("X")
        assert await notice_with(pilot, "nothing to stop: no run of this study is running or queued")

    drive(target_of(project), act)
    assert project.of_role("worker") == []


@pytest.mark.slow
def test_a_run_that_does_not_end_can_be_killed_at_once(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold+deaf+grandchild")
    project.run("--exp", "A1", "--detach", "--slots", "1")
    project.wait_for_worker("A1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, "it runs", lambda: states(app, "running"))
        app.host.selected = "A1"
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await notice_with(pilot, "press x again to kill runs that have not ended")
        assert app.host.line is not None
        assert seconds_since_stop(app.host.line.run) is not None
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(app.screen, StopScreen)
        assert "kill now" in app.shown()
        assert "was asked to stop" in app.shown()
        await pilot.press("enter")
        await until(pilot, "it is gone", lambda: states(app, "stopped"))
        await notice_with(pilot, "A1 was stopped")

    drive(target_of(project), act)
    assert [p for p in project.living() if p.role != "scheduler"] == []


def test_closing_the_console_does_not_wait_for_a_run_that_is_ending(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold+deaf")
    project.run("--exp", "A1", "--detach", "--slots", "1")
    project.wait_for_worker("A1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, "it runs", lambda: states(app, "running"))
        assert app.host.board.lines[1].experiment == "A1"
        app.host.selected = "A1"
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        line = app.host.line
        assert line is not None
        await until(pilot, "it was asked", lambda: seconds_since_stop(line.run) is not None)

    drive(target_of(project), act)  # within seconds, not after the minute that the run has
    assert project.of_role("worker", "/A1/") != []


def test_the_queue_is_paused_and_resumed(stand_ins: Make) -> None:
    project = stand_ins()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        assert await notice_with(pilot, "press p to resume")
        await pilot.press("s")
        await planned(pilot)
        await pilot.press("enter")
        notice = await notice_with(pilot, "queued")
        assert notice == "2 runs queued: Baseline and A1; the queue is paused: press p to resume it"
        assert states(app, "queued") == ["Baseline", "A1"]
        await pilot.press("p")
        assert await notice_with(pilot, "resumed")
        await until(pilot, "both are complete", lambda: states(app, "completed") == ["Baseline", "A1"])

    drive(target_of(project, slots=2), act)


def test_a_damaged_queue_is_named_and_what_runs_can_still_be_stopped(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold")
    project.run("--exp", "A1", "--detach", "--slots", "1")
    project.wait_for_worker("A1")
    (project.folder / "runs" / "queue.json").write_text("{")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        assert "queue.json is damaged" in await notice_with(pilot, "damaged")
        await until(pilot, "it runs", lambda: states(app, "running"))
        app.host.selected = "A1"
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        assert "queue.json is damaged" in await notice_with(pilot, "A1 was stopped")

    drive(target_of(project), act)
    assert project.of_role("worker") == []
