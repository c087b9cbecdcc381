"""An experiment with several seeds is one line of the table, which opens into its seeds."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from iqa_tui.screens.run import RunScreen
from iqa_tui.screens.study import StudyScreen
from iqa_tui.state.board import Target
from iqa_tui.widgets.run_table import RunTable
from tests.results.moving_study import MovingStudy
from tests.tui.screens.console_host import Seat, seat


@asynccontextmanager
async def three_seeds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Seat]:
    """The baseline has finished two of three seeds, A1 one, and runs the second; nothing else was ever started."""
    monkeypatch.chdir(folder)
    with MovingStudy(folder / "runs", 3) as study:
        for name, seed, *choices in (("Baseline", 1, 0, 1), ("Baseline", 2, 0, 1), ("A1", 1, 0, 1), ("A1", 2, 0, 0)):
            for choice in choices:
                study.happens(study.runs[str(name), int(seed)], int(choice))
        async with seat((160, 48), target=Target(Path("runs"), Path("logs"), "small"), settled=True) as console:
            yield console


def table_of(console: Seat) -> RunTable:
    return console.app.screen.query_one(RunTable)


def last_notice(console: Seat) -> str:
    screen = console.app.screen
    assert isinstance(screen, StudyScreen)
    return screen.notices[-1].text


def line_with(console: Seat, words: str) -> str:
    return next(line for line in console.lines() if words in line)


async def test_a_line_sums_up_the_seeds_and_opens_into_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with three_seeds(tmp_path, monkeypatch) as console:
        assert "2 of 3" in line_with(console, "+ Baseline")
        assert "1 running, 1 done, 1 not started" in line_with(console, "+ A1")
        assert "1 of 3" in line_with(console, "+ A1")
        assert "    seed 1 " not in console.text()
        await console.press("j", "plus")
        first, second, third = [line_with(console, f"    seed {seed} ") for seed in (1, 2, 3)]
        assert "✓ completed" in first and "@" not in first
        assert "▶ running" in second and "@1" in second
        assert third.split("seed 3")[1].split()[:2] == ["not", "started"]
        assert set(third.split("not started")[1].split("│")[0].split()) <= {"–"}
        for line in (first, second):
            assert not any(word in line for word in ("vs", "differ", "distinguished", "[", "measured"))
        await console.press("j", "j", "left")
        assert "    seed 1 " not in console.text()
        entry = table_of(console).entry
        assert entry is not None and (entry.kind, entry.run.experiment) == ("experiment", "A1")
        await console.press("right")
        assert "    seed 1 " in console.text()


async def test_keys_act_on_the_runs_of_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with three_seeds(tmp_path, monkeypatch) as console:
        screen = console.app.screen
        assert isinstance(screen, StudyScreen)
        await console.press("j")
        assert [line.seed for line in screen.current_context().wanted] == [1, 2, 3]
        await console.press("plus", "j", "j")
        assert [line.seed for line in screen.current_context().wanted] == [2]
        await console.press("space", "k", "k", "k", "space")  # seed 2, and the experiment
        assert {(line.experiment, line.seed) for line in screen.current_context().wanted} == {
            ("A1", seed) for seed in (1, 2, 3)
        }
        assert sum("*" in line[:3] for line in console.lines()) == 4
        await console.press("g", "enter")
        assert isinstance(console.app.screen, RunScreen)
        await console.sees("Baseline · seed 1")
        await console.press("n", "n", "n")
        await console.sees("Baseline · seed 1")


async def test_stop_and_relaunch_list_the_runs_they_act_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with three_seeds(tmp_path, monkeypatch) as console:
        await console.press("g", "x")
        assert last_notice(console) == "Baseline (3 seeds): 2 done, 1 not started; nothing to stop"
        await console.press("j", "x")
        await console.sees("A1 (seed 2) running")
        assert "A1 (seed 1) is completed: nothing to stop" in console.text()
        assert "A1 (seed 3) has not been started: nothing to stop" in console.text()
        await console.press("escape", "R")
        await console.sees("start over: 1 of 3")
        assert "A1 (seed 1): starts over; its result counts until the new one is complete" in console.text()
        assert "A1 (seed 2): is running; there is nothing to relaunch" in console.text()
        assert "A1 (seed 3): has not been started: skipped" in console.text()
        await console.press("escape", "plus", "j", "x")
        assert last_notice(console) == "A1 (seed 1) is completed; nothing to stop"


async def test_a_note_and_tags_are_saved_on_the_runs_of_the_line_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with three_seeds(tmp_path, monkeypatch) as console:
        await console.press("j", "t")
        await console.sees("Note on A1 (3 seeds)")
        await console.press(*"odd", "space", *"loss", "down", *"final,v2", "enter")
        await console.until(lambda: last_notice(console) == "noted on A1 (3 seeds)")
        await console.sees("note: odd loss", "tags: final, v2")
        await console.press("plus", "j", "t")
        await console.sees("odd loss", "final v2")
        await console.press("down", "end", "ctrl+u", "enter")
        await console.until(lambda: "note: odd loss" in console.text() and "tags: final" not in console.text())
        await console.press("k")
        await console.sees("seed 1: note: odd loss")
    found = {path.parent.name.partition("-")[0]: json.loads(path.read_text()) for path in tmp_path.rglob("notes.json")}
    assert {name: one["tags"] for name, one in found.items()} == {
        "s1": [],
        "s2": ["final", "v2"],
        "s3": ["final", "v2"],
    }


async def test_going_to_a_run_opens_its_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with three_seeds(tmp_path, monkeypatch) as console:
        await console.press("5")  # the fifth log is that of A1 with seed 2
        entry = table_of(console).entry
        assert entry is not None and (entry.kind, entry.run.experiment, entry.run.seed) == ("seed", "A1", 2)
        await console.sees("    seed 2 ")
