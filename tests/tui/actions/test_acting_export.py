"""e and m: results are written as files, nothing is overwritten without asking, and notices are kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from iqa_train.errors import UserError
from iqa_tui.actions.export import export
from iqa_tui.actions.orders import ExportOrder
from tests.faults.fault_project import FIVE, FaultyProject
from tests.tui.actions.acting_host import Host, complaint, drive, notice_with, target_of

Make = Callable[..., FaultyProject]


@pytest.fixture
def finished(stand_ins: Make) -> FaultyProject:
    project = stand_ins()
    project.run("--all", "--slots", "5", "--policy", "greedy")
    return project


@pytest.mark.slow
def test_each_form_is_written_where_the_dialog_says_and_is_what_the_command_prints(finished: FaultyProject) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        for steps, form, name in (
            (0, "markdown", "small-results.md"),
            (1, "csv", "small-results.csv"),
            (2, "latex", "t.tex"),
        ):
            await pilot.press("e")
            await pilot.pause()
            await pilot.press(*["right"] * steps)
            if name == "t.tex":
                await pilot.press("tab", "ctrl+u", *"t.tex")
            await pilot.press("enter")
            assert await notice_with(pilot, f"wrote {finished.folder.resolve() / name}: {form}, 5 rows")
            assert (finished.folder / name).read_text() == finished.run("results", "--format", form).stdout

    drive(target_of(finished), act)


@pytest.mark.slow
def test_a_report_and_the_tracker_are_written(finished: FaultyProject) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("e")
        await pilot.pause()
        assert "Tracker" not in app.shown()
        await pilot.press("left")
        await pilot.pause()
        assert "EXPERIMENTS_LOG_TRACKER.md is updated, too" in app.shown()
        await pilot.press("enter")
        notice = await notice_with(pilot, "files to", seconds=300)
        assert str(finished.folder.resolve() / "report" / "index.html") in notice
        assert "EXPERIMENTS_LOG_TRACKER.md created" in notice

    drive(target_of(finished), act)
    assert (finished.folder / "report" / "index.html").exists()
    assert "iqa-train:begin small" in (finished.folder / "EXPERIMENTS_LOG_TRACKER.md").read_text()


def test_a_file_that_is_there_is_replaced_only_after_a_second_enter(stand_ins: Make) -> None:
    project = stand_ins()
    notes = project.folder / "small-results.md"
    notes.write_text("mine")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("enter")
        assert complaint(pilot) == "small-results.md already exists; press enter again to replace it"
        await pilot.press("tab", "end", "x", "backspace")  # touched: asked again
        await pilot.press("enter")
        await pilot.pause()
        assert notes.read_text() == "mine"
        assert "press enter again to replace it" in complaint(pilot)
        await pilot.press("enter")
        assert await notice_with(pilot, f"replaced {notes.resolve()}")

    drive(target_of(project), act)
    assert "Baseline" in notes.read_text()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "give a name for the file or the folder"),
        ("no/such/place.md", "no such folder: no/such; create it first"),
        ("data", "data is a folder; give a file's name"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused_in_the_dialog(stand_ins: Make, path: str, says: str) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("tab", "ctrl+u", *path, "enter")
        await pilot.pause()
        assert says in complaint(pilot)

    app = drive(target_of(stand_ins()), act)
    assert app.notices == []


def test_a_folder_that_takes_no_file_is_named(stand_ins: Make) -> None:
    project = stand_ins()
    with pytest.raises(UserError, match=r"/proc/results.md cannot be written: "):
        export(target_of(project), ExportOrder("markdown", Path("/proc/results.md")))
    (project.folder / "there.csv").write_text("mine")
    with pytest.raises(UserError, match=r"nothing written: there.csv already exists"):
        export(target_of(project), ExportOrder("csv", Path("there.csv")))


HOSTILE = FIVE.replace(
    'id = "A1"\n', 'id = "A1"\ntitle = "[/] [bold]x[/bold] [@click=app.quit]y[/]"\npurpose = "[/usr/bin]"\n'
)


@pytest.mark.parametrize("size", [(80, 24), *(pytest.param(s, marks=pytest.mark.slow) for s in ((60, 15), (160, 48)))])
def test_brackets_and_escapes_in_names_are_shown_as_they_are(stand_ins: Make, size: tuple[int, int]) -> None:
    batch = HOSTILE.replace('name = "Batch 1"', 'name = "[/] [red]first[/red]"')
    project = stand_ins(batch)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await pilot.pause()
        assert "[/] [red]first[/red]" in app.shown()
        await pilot.press("escape")
        app.host.selected = "A1"
        await pilot.press("R")
        await pilot.press("tab", "tab", *"[/] = [red]")
        await pilot.pause()
        assert '"[/]"' in complaint(pilot)
        assert '"[/]"' in app.shown()
        await pilot.press("escape", "e", "tab", "ctrl+u", *"[/]/[bold].md", "enter")
        await pilot.pause()
        assert "no such folder: [/];" in app.shown()
        await pilot.press("escape")
        app.host.post_notice("\x1b]0;owned\x07 [/] \x9b2J\nnext", "error")
        await pilot.press("m")
        await pilot.pause()
        shown = app.shown()
        assert "\\u001b]0;owned\\u0007 [/] \\u009b2J" in shown
        assert "next" in shown
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)

    drive(target_of(project), act, size=size)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_every_dialog_fits_the_screen_with_its_keys_in_sight(stand_ins: Make, size: tuple[int, int]) -> None:
    project = stand_ins(FIVE.replace("epochs = 3", 'epochs = 3\nselect_on = "test"\nlr_scheduler = "step"'))

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.selected = "A1"
        for key in ("s", "R", "e", "m"):
            await pilot.press(key)
            await pilot.pause(0.3)
            lines = app.shown().splitlines()
            assert len(lines) == size[1]
            (keys,) = [
                line for line in lines if "enter" in line and ("esc Close" if key == "m" else "esc Cancel") in line
            ]
            assert keys.count("│") == 2
            assert sum("╭" in line for line in lines) == sum("╰" in line for line in lines) == 1
            await pilot.press("escape")

    drive(target_of(project), act, size=size)
