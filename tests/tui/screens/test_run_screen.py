"""Everything about one run: what the page shows, and that a damaged file does not hide the rest."""

import json
import shutil
from pathlib import Path

import pytest

from iqa_tui.screens.run import RunScreen
from iqa_tui.screens.study import StudyScreen
from tests.tui.screens.console_host import SIZES, seat


def run_of(study: Path, experiment: str) -> Path:
    (path,) = (study / "runs" / "small" / experiment).iterdir()
    return path


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("size", SIZES)
async def test_opens_on_the_chosen_run_and_goes_back(study: Path, size: tuple[int, int]) -> None:
    async with seat(size) as console:
        await console.press("down")
        for back in ("escape", "q", "enter"):
            await console.press("enter")
            await console.sees("Run 2 of 3", "A1", "Results")
            await console.press(back)
            assert isinstance(console.app.screen, StudyScreen)
            assert console.app.is_running


@pytest.mark.parametrize("size", SIZES)
async def test_says_what_the_run_is_and_came_to(study: Path, size: tuple[int, int]) -> None:
    result = json.loads((run_of(study, "A1") / "result.json").read_text())
    runner = json.loads((run_of(study, "A1") / "attempt-01" / "runner.json").read_text())
    async with seat(size, settled=True) as console:
        await console.press("down", "enter")
        await console.sees("vs Baseline")
        page = await console.reads()
    for words in (
        "≠ attention_fusion", "experiment A1",  # what differs, and where that is from
        "Attempt 1: completed", runner["device"]["label"], runner["host"], "exit code 0",
        f"SRCC {result['srcc']:.4f}", "best epoch", "on 20 test images",
        "result.json", "predictions-test.csv",
        "spec.json", "defaults", "built-in default",
        "none yet: the worker writes it",  # the stand-in leaves no provenance
    ):  # fmt: skip
        assert words in page, words


async def test_marks_the_setting_that_has_no_effect(study: Path) -> None:
    async with seat() as console:
        await console.press("G", "enter")
        await console.sees("A2", "Results")
        page = await console.reads()
    assert "inert-setting" in page  # the audit says so
    assert "∅ attention_fusion" in page  # the list of settings, too
    assert "Settings that have no effect here" in page


async def test_shows_provenance(study: Path) -> None:
    document = {
        "code": {"version": "0.1.0", "fingerprint": "abc", "commit": "f" * 40, "dirty": True,
                 "diff": "diff --git a b\n--- a\n+++ b\n-old\n+new\n", "untracked": []},
        "packages": {"torch": "2.13.0"}, "host": {"host": "node7", "cpus": 64, "python": "3.11.7"},
        "device": {"name": "NVIDIA H200"}, "data": {"name": "small", "fingerprint": "25bf", "images": {"test": 20}},
    }  # fmt: skip
    (run_of(study, "A1") / "provenance.json").write_text(json.dumps(document))
    change(run_of(study, "A1") / "attempt-01" / "runner.json", queued_code="aaa", code="bbb")
    async with seat((160, 48)) as console:
        await console.press("down", "enter")
        await console.sees("Provenance")
        page = await console.reads()
    for words in (
        "f" * 40, "2 lines changed in 1 file", "changed since: now", "torch 2.13.0", "node7, 64 CPUs",
        "NVIDIA H200", "25bf", "small (20 test)", "between queueing (source aaa) and start (source bbb)",
    ):  # fmt: skip
        assert words in page, words


async def test_a_run_that_was_never_tried(study: Path) -> None:
    shutil.rmtree(run_of(study, "A2"))
    async with seat() as console:
        await console.press("G", "enter")
        await console.sees("? lost", "no epoch is complete")  # its folder is gone while the run waits in the queue
        page = await console.reads()
    assert "the run was never started" in page
    assert "the folder does not exist yet" in page
    assert "≠ multi_scale" in page  # as the study file means it


async def test_hostile_text_is_shown_as_it_is(study: Path) -> None:
    run = run_of(study, "A1")
    change(run / "spec.json", title="[/] [b]x[/b] \x1b]0;owned\x07 日本語 \u202eevil", purpose="[/usr/bin/python]")
    change(run / "attempt-01" / "exit.json", reason="[red]\x1b[2Jgone", state="failed", exit_code=1)
    async with seat() as console:
        await console.press("down", "enter")
        await console.sees("[/] [b]x[/b]", "日本語", "\\u202eevil", "[/usr/bin/python]")
        page = await console.reads()
    assert "[red]\\u001b[2Jgone" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


async def test_an_imported_run(study: Path) -> None:
    run = run_of(study, "A1")
    imported = {"log": "/old/A1.log", "sha256": "ab12", "bytes": 2048, "assumed": ["dropout_rate"],
                "images": {"test": 2015}, "notes": ["the log ends early"]}  # fmt: skip
    (run / "provenance.json").write_text(json.dumps({"imported": imported}))
    async with seat() as console:
        await console.press("down", "enter")
        await console.sees("Run 2 of 3", "Results")
        page = await console.reads()
    assert "/old/A1.log" in page
    assert "2015 test" in page
    assert "the log ends early" in page
    assert "assumed: not in the log" in " ".join(page.split())


async def test_follows_the_run(study: Path) -> None:
    async with seat() as console:
        await console.press("down", "enter")
        await console.sees("✓ completed", "Results")
        change(run_of(study, "A1") / "attempt-01" / "exit.json", state="failed", reason="diverged", exit_code=3)
        console.app.look_now()
        await console.sees("✗ failed")
        assert "Attempt 1: failed" in await console.reads()


async def test_the_page_leads_to_other_runs_and_to_the_log(study: Path) -> None:
    async with seat() as console:
        await console.press("enter")
        await console.sees("Run 1 of 3", "Baseline")
        await console.press("right")
        await console.sees("Run 2 of 3", "attention_fusion")
        await console.press("left", "left")
        await console.sees("Run 3 of 3", "A2")
        await console.press("t")
        screen = console.app.screen
        assert isinstance(screen, StudyScreen)
        assert screen.selected is not None
        assert screen.selected.experiment == "A2"


async def test_copies_the_path_of_the_folder(study: Path) -> None:
    async with seat() as console:
        await console.press("enter")
        await console.until(lambda: isinstance(console.app.screen, RunScreen))
        await console.press("y")
        assert console.app.clipboard == str(run_of(study, "Baseline"))


async def test_sections_are_reached_by_keys(study: Path) -> None:
    async with seat() as console:
        await console.press("enter")
        await console.sees("Results")
        await console.press("]")
        first = console.lines()[1]
        await console.press("]")
        assert console.lines()[1] != first
        await console.press("[")
        assert console.lines()[1] == first
