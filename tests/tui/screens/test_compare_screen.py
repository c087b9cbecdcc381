"""Two runs or two studies side by side."""

import json
import shutil
from pathlib import Path

import pytest

from iqa_tui.screens.compare import CompareScreen
from iqa_tui.screens.pick import PickScreen
from iqa_tui.screens.study import StudyScreen
from tests.tui.screens.console_host import SIZES, Seat, seat

REFERENCES = """
[[references]]
id = "old-base"
study = "older"
experiment = "Baseline"
srcc = 0.5
n = 20
source = "[/] somebody's table"
"""


def run_of(study: Path, experiment: str) -> Path:
    (path,) = (study / "runs" / "small" / experiment).iterdir()
    return path


async def picks(console: Seat, key: str, *moves: str) -> None:
    await console.press(key)
    await console.until(lambda: isinstance(console.app.screen, PickScreen))
    await console.press(*moves, "enter")
    await console.pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_the_selected_run_is_compared_with_the_baseline(study: Path, size: tuple[int, int]) -> None:
    results = [json.loads((run_of(study, name) / "result.json").read_text()) for name in ("Baseline", "A1")]
    async with seat(size) as console:
        await console.press("down", "c")
        await console.sees("1 run Baseline   2 run A1", "A1 minus Baseline", "≠ attention_fusion")
        page = await console.reads()
        await console.press("escape")
        assert isinstance(console.app.screen, StudyScreen)
    for words in ("SRCC", "PLCC", "completed", "3 of 3", "95 % intervals", "CPU slot"):
        assert words in page, words
    assert f"{results[0]['rounds'][0]['best_epoch']}" in page


async def test_follows_the_runs(study: Path) -> None:
    async with seat((160, 48)) as console:
        await console.press("down", "c")
        await console.sees("1 run Baseline   2 run A1", "A1 minus Baseline")
        ended = run_of(study, "A1") / "attempt-01" / "exit.json"
        ended.write_text(json.dumps(json.loads(ended.read_text()) | {"state": "failed", "reason": "it diverged"}))
        console.app.look_now()
        await console.sees("failed")


async def test_two_marked_runs_and_the_sides_swapped(study: Path) -> None:
    async with seat() as console:
        await console.press("down", "space", "space", "c")
        await console.sees("1 run A1   2 run A2", "A2 minus A1", "multi_scale")
        await console.press("w")
        await console.sees("1 run A2   2 run A1", "A1 minus A2")


async def test_the_baseline_alone_is_compared_with_a_run_that_is_chosen_at_once(study: Path) -> None:
    async with seat() as console:
        await console.press("c")
        await console.until(lambda: isinstance(console.app.screen, PickScreen))
        await console.sees("Second side", "A1")
        await console.press("enter")
        await console.sees("1 run Baseline   2 run A1", "A1 minus Baseline")


async def test_curves_of_both_runs_are_below_where_there_is_room(study: Path) -> None:
    async with seat((160, 48)) as console:
        await console.press("down", "c")
        await console.sees("Test SRCC by epoch", "3 epoch")
        await console.press("v")
        await console.until(lambda: "3 epoch" not in console.text())
    async with seat((80, 24)) as console:
        await console.press("down", "c")
        await console.sees("A1 minus Baseline")
        assert "3 epoch" not in console.text()
        await console.press("v")
        await console.sees("3 epoch")


async def test_sides_are_chosen_from_lists(study: Path) -> None:
    async with seat() as console:
        await console.press("down", "c")
        await console.sees("A1 minus Baseline")
        await picks(console, "2", "G", "k")  # the last run, above the one study
        await console.until(lambda: isinstance(console.app.screen, CompareScreen))
        await console.sees("2 run A2", "A2 minus Baseline")


async def test_two_studies_say_what_the_command_says(study: Path) -> None:
    file = study / "experiments.toml"
    file.write_text(file.read_text() + REFERENCES)
    async with seat((120, 36)) as console:
        await console.press("c")
        await console.until(lambda: isinstance(console.app.screen, PickScreen))  # with the baseline alone: with what?
        await console.press("escape")
        await picks(console, "1", "G", "k")  # the study with runs
        await console.until(lambda: isinstance(console.app.screen, PickScreen))  # the other side must be one, too
        assert "Runs of this study" not in console.text()
        await console.press("G", "enter")
        await console.sees("1 study small   2 study older", "older (reported) minus small", "Baseline†")
        page = " ".join((await console.reads()).split())
    assert "[/] somebody's table" in page
    assert "differences of reported values have no p" in page


async def test_runs_without_results_and_damaged_ones_are_reported(study: Path) -> None:
    shutil.rmtree(run_of(study, "A1"))
    (run_of(study, "A2") / "result.json").write_text("{")
    async with seat() as console:
        await console.press("down", "c")
        await console.sees("A1 minus Baseline", "≠ attention_fusion")
        await picks(console, "1", "G", "k")
        await console.sees("1 run A2")
        await console.until(lambda: "reading and comparing" not in console.text())
        assert "damaged" in await console.reads()


async def test_a_run_is_not_compared_with_itself(study: Path) -> None:
    async with seat() as console:
        await console.press("c")
        await console.until(lambda: isinstance(console.app.screen, PickScreen))
        await console.press("escape")
        await console.sees("1 run Baseline   2 –", "press 1 and 2 to choose")
        await picks(console, "2", "g")
        await console.sees("both sides are the same run")


async def test_a_console_that_only_looks_offers_no_key_that_acts(study: Path) -> None:
    async with seat(readonly=True) as console:
        assert "Relaunch" not in console.lines()[-1]
        await console.press("s")
        assert isinstance(console.app.screen, StudyScreen)
        assert "--readonly" in console.app.screen.notices[-1].text
    async with seat((160, 48)) as console:
        assert "Relaunch" in console.lines()[-1]
