"""Q: the queue in order with its reasons; runs are moved, removed and put back while one of them runs."""

from collections.abc import Callable

import pytest

from iqa_tui.screens.queue import QueueScreen
from tests.faults.fault_project import FaultyProject
from tests.tui.actions.acting_host import target_of
from tests.tui.screens.console_host import Seat, seat

Make = Callable[..., FaultyProject]


def listed(console: Seat) -> list[str]:
    """The experiments in the order of the list."""
    screen = console.app.screen
    assert isinstance(screen, QueueScreen)
    return [line.key.split("/")[1] for line in screen.lines]


def line_with(console: Seat, words: str) -> str:
    return next(line for line in console.lines() if words in line)


async def noticed(console: Seat, words: str) -> None:
    screen = console.app.screen
    assert isinstance(screen, QueueScreen)
    await console.until(lambda: any(words in notice.text for notice in screen.notices))


@pytest.mark.slow
async def test_the_queue_is_shown_changed_and_changed_back(stand_ins: Make) -> None:
    project = stand_ins(behaviour="Baseline=hold")
    project.run("--all", "--detach", "--slots", "1")
    project.wait_for_worker("Baseline")
    async with seat((120, 30), target=target_of(project)) as console:
        await console.press("Q")
        await console.until(lambda: len(listed(console)) == 5)
        assert listed(console) == ["Baseline", "A1", "A2", "B1", "B2"]
        assert "1 running · 4 waiting · policy batches" in console.text()
        assert "▶ running" in line_with(console, "1  Baseline")
        assert "waiting for CPU slot 0" in line_with(console, "2  A1")
        assert "waiting for batch 1" in line_with(console, "5  B2")
        await console.press("G")
        await console.sees("B2 (seed 42): waiting for batch 1")
        await console.press("K")
        await noticed(console, "moved B2 (seed 42) before B1 (seed 42)")
        await console.until(lambda: listed(console)[-2:] == ["B2", "B1"])
        await console.press("d")
        await noticed(console, "removed B2 (seed 42); press u to put it back")
        await console.until(lambda: listed(console) == ["Baseline", "A1", "A2", "B1"])
        await console.press("u")
        await noticed(console, "undone: remove B2 (seed 42)")
        await console.until(lambda: listed(console)[-2:] == ["B2", "B1"])
        await console.press("u")
        await console.until(lambda: listed(console)[-2:] == ["B1", "B2"])
        await console.press("u")
        await noticed(console, "nothing to undo: this console has not changed the queue")
        await console.press("g", "d")
        await noticed(console, "Baseline (seed 42) is running")
        await console.press("b")
        await console.sees("policy greedy")
        await console.press("p")
        await console.sees("PAUSED: p resumes")
        await console.press("u")
        await console.sees("4 waiting · policy greedy")
        await console.until(lambda: "PAUSED" not in console.text())
        await console.press("escape")
        project.let_go()
        await console.sees("5/5 done")


async def test_a_readonly_console_only_shows_it(stand_ins: Make) -> None:
    project = stand_ins()
    project.run("queue", "pause")
    project.run("--all", "--detach", "--slots", "1")
    before = (project.folder / "runs" / "queue.json").read_bytes()
    async with seat((120, 30), target=target_of(project), readonly=True) as console:
        await console.press("Q")
        await console.until(lambda: len(listed(console)) == 5)
        for key in ("d", "J", "b", "u", "p"):
            await console.press(key)
            await noticed(console, "this console is read-only")
        assert "Remove" not in console.lines()[-1]
    assert (project.folder / "runs" / "queue.json").read_bytes() == before
