"""The main screen over a real project: what it shows, at which size, and what its keys do."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from iqa_tui.app import Console
from iqa_tui.logview import LogPane
from iqa_tui.screens.study import StudyScreen
from iqa_tui.state.board import Target
from iqa_tui.widgets.run_table import RunTable
from tests.faults.fault_project import FaultyProject

SIZES = [(80, 24), (120, 36), (160, 48), (60, 15), (50, 12)]
Check = Callable[[Pilot[str], Console], Awaitable[None]]


async def shown(project: FaultyProject, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], check: Check) -> None:
    """Open the console on `project` and hand it to `check` once the study is read and its results are there."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("IQA_TRAIN_LEASES", str(project.folder / "leases"))
    app = Console(Target(Path("runs"), Path("logs")), readonly=True)
    async with app.run_test(size=size) as pilot:
        for _ in range(600):
            await pilot.pause(0.05)
            if app.board.results is not None:
                break
        assert app.board.results is not None, app.board.problem
        await pilot.pause()
        await check(pilot, app)


def picture(app: Console) -> list[str]:
    """The screen as lines of text."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_the_runs_and_nothing_wider(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        lines = picture(app)
        text = "\n".join(lines)
        assert len(lines) == size[1]
        for name in ("Baseline", "A1", "A2"):
            assert name in text
        if size[0] >= 80 and size[1] >= 24:
            assert "✓ completed" in text
            assert "✗ failed" in text
            assert "Batch 3" in text
            assert "Baseline: " in text  # the detail line
            assert "[1] Baseline" in text
        if size[0] >= 120:
            assert "Test SRCC by epoch" in text
        if size[0] >= 160:
            assert "Δ baseline [95 %]" in text
            assert "Expected" not in text or "–" in text

    await shown(five_done, monkeypatch, size, check)


async def test_digits_and_brackets_choose_the_log(five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        table = app.screen.query_one(RunTable)
        pane = app.screen.query_one(LogPane)
        keys = {"3": "A2", "1": "Baseline", "left_square_bracket": "B2", "right_square_bracket": "Baseline"}
        for key, expected in keys.items():
            await pilot.press(key)
            await pilot.pause(0.1)
            assert table.line is not None
            assert table.line.experiment == expected
            assert pane.title == expected

    await shown(five_done, monkeypatch, (120, 36), check)


async def test_the_failed_run_says_why(five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        await pilot.press("G")
        await pilot.pause(0.1)
        line = next(line for line in picture(app) if "B2: failed" in line)
        assert "diverged" in line

    await shown(five_done, monkeypatch, (120, 36), check)


async def test_moving_and_marking(five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        table = app.screen.query_one(RunTable)
        await pilot.press("g", "space", "space", "k")
        await pilot.pause()
        assert {table.board.line(key).experiment for key in table.marked} == {"Baseline", "A1"}  # type: ignore[union-attr]
        assert table.line is not None
        assert table.line.experiment == "A1"
        rows = picture(app)
        assert any("▸*" in row and "A1" in row for row in rows)
        await pilot.press("space")
        assert {table.board.line(key).experiment for key in table.marked} == {"Baseline"}  # type: ignore[union-attr]

    await shown(five_done, monkeypatch, (80, 24), check)


async def test_plot_takes_the_logs_place_goes_through_what_can_be_plotted_and_gives_it_back(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        for title in ("Test SRCC", "Validation SRCC", "Training loss", "Learning rate"):
            assert not any(f"{title} by epoch" in row for row in picture(app))
            await pilot.press("v")
            await pilot.pause(0.1)
            rows = picture(app)
            assert any(f"{title} by epoch" in row for row in rows)
            assert any(row.rstrip().endswith("epoch") for row in rows)
            assert any("┤" in row for row in rows), rows
            assert not any("[1] Baseline" in row for row in rows)
        await pilot.press("v")
        await pilot.pause(0.1)
        assert any("[1] Baseline" in row for row in picture(app))

    await shown(five_done, monkeypatch, (80, 24), check)


@pytest.mark.parametrize(("width", "side"), [(160, 62), (220, 110)])
async def test_where_there_is_room_the_log_stays_and_the_plot_has_up_to_half(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch, width: int, side: int
) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        assert app.screen.query_one("#side").size.width in {side, side - 1}  # with a border
        for _ in range(4):
            await pilot.press("v")
            await pilot.pause(0.1)
            assert any("[1] Baseline" in row and "by epoch" not in row for row in picture(app))
        assert any("Test SRCC by epoch" in row for row in picture(app))

    await shown(five_done, monkeypatch, (width, 40), check)


async def test_zoom_gives_all_to_the_pane_with_the_focus(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        await pilot.press("z")
        await pilot.pause(0.1)
        assert not any("[1] Baseline" in row for row in picture(app))
        await pilot.press("z", "tab", "z")
        await pilot.pause(0.1)
        assert not any("Experiment" in row for row in picture(app))
        assert any("[1] Baseline" in row for row in picture(app))

    await shown(five_done, monkeypatch, (80, 24), check)


async def test_search_opens_from_wherever_the_focus_is_but_in_the_table(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        await pilot.press("tab", "slash", *"SRCC", "enter")
        await pilot.pause(0.5)
        assert app.screen.query_one(LogPane).view.search_text == "SRCC"
        assert any("/SRCC" in row for row in picture(app))

    await shown(five_done, monkeypatch, (80, 24), check)


async def test_q_leaves_and_says_how_to_come_back(five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(pilot: Pilot[str], app: Console) -> None:
        await pilot.press("q")
        await pilot.pause()
        assert app.return_value == "Nothing is running."

    await shown(five_done, monkeypatch, (80, 24), check)


async def test_a_study_file_that_breaks_while_it_is_watched_is_reported_and_the_runs_stay(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "study.toml"
    whole = (five_done.folder / "experiments.toml").read_text()
    file.write_text(whole)
    monkeypatch.chdir(five_done.folder)
    app = Console(Target(Path("runs"), Path("logs"), experiments=file), readonly=True)
    async with app.run_test(size=(120, 36)) as pilot:
        while app.board.results is None:
            await pilot.pause(0.05)
        assert isinstance(app.screen, StudyScreen)
        file.write_text(whole.replace("attention_fusion = true", "atention_fusion = true"))
        app.look_now()
        for _ in range(200):
            await pilot.pause(0.05)
            text = "\n".join(picture(app))
            if "atention_fusion" in text:
                break
        assert "atention_fusion" in app.board.problem
        assert "atention_fusion" in text
        assert "✓ completed" in text


async def test_an_unknown_study_ends_the_console_with_a_sentence(
    five_done: FaultyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(five_done.folder)
    app = Console(Target(Path("runs"), Path("logs"), study="smal"), readonly=True)
    async with app.run_test() as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if app.return_value:
                break
    assert app.return_code == 2
    assert 'did you mean "small"' in str(app.return_value)
