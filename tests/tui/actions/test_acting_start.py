"""s: what is started, what is skipped and why, and what forbids a start."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from iqa_train.scheduler.queue import Item, added, edit_queue
from iqa_tui.actions.orders import StartOrder
from iqa_tui.actions.start_plan import plan_start
from iqa_tui.screens.start import StartScreen
from tests.faults.fault_project import FIVE, FaultyProject
from tests.tui.actions.acting_host import Host, complaint, drive, notice_with, planned, states, target_of, until

Make = Callable[..., FaultyProject]


def to_do(app: Host) -> list[tuple[str, int]]:
    """What the dialog would start."""
    assert isinstance(app.screen, StartScreen)
    assert app.screen.plan is not None
    return [(planned.spec.experiment, planned.spec.seed) for planned in app.screen.plan.to_do]


def test_the_next_batch_is_offered_first_and_after_it_the_one_after_it(stand_ins: Make) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await planned(pilot)
        assert "Batch 1: Baseline and A1" in app.shown()
        assert to_do(app) == [("Baseline", 42), ("A1", 42)]
        await pilot.press("enter")
        assert "2 runs queued: Baseline and A1" in await notice_with(pilot, "queued")
        await until(pilot, "both are complete", lambda: states(app, "completed") == ["Baseline", "A1"])
        await pilot.press("s")
        await planned(pilot)
        assert "Batch 2: A2 and B1" in app.shown()

    drive(target_of(stand_ins(), slots=2), act)


def test_marked_runs_come_before_all_and_the_selected_run_and_each_starts_what_it_says(stand_ins: Make) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.mark("A2", "B2")
        app.host.selected = "B1"
        await pilot.press("s")
        await planned(pilot)
        assert "2 marked: A2 and B2" in app.shown()
        assert to_do(app) == [("A2", 42), ("B2", 42)]
        await pilot.press("left")  # round to the last: the chosen one
        await planned(pilot)
        assert to_do(app) == [("B1", 42)]
        await pilot.press("left")
        await planned(pilot)
        assert len(to_do(app)) == 5
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.host
        assert app.notices == []

    project = stand_ins()
    drive(target_of(project), act)
    assert not (project.folder / "runs").exists()  # looking changes nothing


def test_all_with_seeds_goes_seed_by_seed_and_policy_and_slots_reach_the_queue(stand_ins: Make) -> None:
    project = stand_ins(behaviour="*=hold")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.selected = "A1"
        await pilot.press("s")
        await planned(pilot)
        await pilot.press("left", "tab", *"7, 8", "tab", "right", "tab", "3")
        await planned(pilot)
        assert to_do(app) == [("A1", 7), ("A1", 8)]
        await pilot.press("enter")
        assert "2 runs queued: A1 (seed 7) and A1 (seed 8)" in await notice_with(pilot, "queued")

    drive(target_of(project), act)
    queue = json.loads((project.folder / "runs" / "queue.json").read_text())
    assert (queue["policy"], queue["slots"]) == ("greedy", 3)
    assert [(item["experiment"], item["seed"]) for item in queue["items"]] == [("A1", 7), ("A1", 8)]


def test_complete_running_and_queued_runs_are_skipped_and_named(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold,A2=hold")
    project.run("--exp", "Baseline", "--slots", "1")
    project.run("--exp", "A1", "A2", "--detach", "--slots", "1")
    project.wait_for_worker("A1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, "A1 runs", lambda: states(app, "running") == ["A1"])
        app.host.mark("Baseline", "A1", "A2")
        await pilot.press("s")
        await planned(pilot)
        shown = app.shown()
        assert "already completed: skipped" in shown
        assert "already running: skipped" in shown
        assert "already queued: skipped" in shown
        await pilot.press("enter")
        assert "nothing to start" in complaint(pilot)
        await pilot.press("escape")
        app.host.start_now(StartOrder())
        notice = await notice_with(pilot, "queued")
        assert notice.startswith("2 runs queued: B1 and B2")
        assert "Baseline is already complete; A1 is already running; A2 is already queued" in notice

    drive(target_of(project), act)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["tab", *"42 x"], 'seeds: "x" is not a whole number of at least 0'),
        (["tab", *"-1"], 'seeds: "-1" is not a whole number'),
        (["tab", *str(2**63)], "is not a whole number"),
        (["tab", "tab", "tab", "0"], 'CPU slots: "0" is not a whole number from 1 to 1024'),
    ],
)
def test_invalid_fields_are_reported_at_once_and_enter_starts_nothing(
    stand_ins: Make, keys: list[str], words: str
) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await planned(pilot)
        await pilot.press(*keys)
        await until(pilot, words, lambda: words in complaint(pilot).replace("\n", " "))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)

    project = stand_ins()
    drive(target_of(project), act)
    assert not (project.folder / "runs").exists()


def test_errors_of_the_audit_forbid_the_start_and_warnings_are_listed(stand_ins: Make) -> None:
    project = stand_ins(FIVE.replace("set = { dropout_rate = 0.1 }", "set = { lr_floor = 0.1, warmup_epochs = 1 }"))

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.mark("A1", "B1")
        await pilot.press("s")
        await planned(pilot)
        body = str(app.screen.query_one("#findings", Static).visual)
        assert "1 error" in body
        assert "✖ B1 rising-schedule: the cosine rises" in body
        assert "! B1 several-factors" in body
        await pilot.press("enter")
        assert "not started: rising-schedule" in complaint(pilot)
        await pilot.press("escape")
        app.host.mark("A1")  # the error is not about this one
        await pilot.press("s")
        await planned(pilot)
        await pilot.press("enter")
        await notice_with(pilot, "1 run queued: A1")
        app.host.start_now(StartOrder(experiments=("B1",)))
        await notice_with(pilot, "not started: rising-schedule")

    drive(target_of(project), act)
    assert not (project.folder / "runs" / "small" / "B1").exists()


def test_a_study_file_broken_meanwhile_or_missing_pictures_start_nothing(stand_ins: Make) -> None:
    project = stand_ins()
    text = (project.folder / "experiments.toml").read_text()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        (project.folder / "experiments.toml").write_text(text.replace("epochs = 3", "epoch = 3"))
        await pilot.press("s")
        await planned(pilot)
        assert 'unknown setting "epoch"; did you mean "epochs"' in complaint(pilot).replace("\n", " ")
        await pilot.press("enter", "escape")
        (project.folder / "experiments.toml").write_text(text)
        pictures = (project.folder / "data").resolve()
        (project.folder / "data").unlink()
        shutil.copytree(pictures, project.folder / "data")
        (project.folder / "data" / "small" / "images" / "07.png").unlink()
        await pilot.press("s")
        await planned(pilot)
        assert "1 of the 48 images listed is missing" in complaint(pilot).replace("\n", " ")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)  # with what was chosen, to be tried again
        assert "not started: " in complaint(pilot)

    drive(target_of(project), act)
    assert not (project.folder / "runs").exists()


def test_a_start_seals_what_the_study_declares_and_refuses_a_change_after_the_first_result(stand_ins: Make) -> None:
    declared = FIVE.replace('name = "small"', 'name = "small"\nmargin = 0.01', 1)
    project = stand_ins(declared)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.start_now(StartOrder(experiments=("A1",)))
        await notice_with(pilot, "1 run queued: A1")
        await until(pilot, "A1 is complete", lambda: states(app, "completed") == ["A1"])
        (project.folder / "experiments.toml").write_text(declared.replace("0.01", "0.5", 1))
        app.host.start_now(StartOrder(experiments=("A2",)))
        assert "was sealed before the first result" in await notice_with(pilot, "margins = { srcc = 0.5 } now")

    drive(target_of(project), act)
    sealed = json.loads((project.folder / "runs" / "small" / "design.json").read_text())
    assert sealed["margins"] == {"srcc": 0.01} and not sealed["exploratory"]


def test_a_runs_folder_that_cannot_be_used_is_reported(stand_ins: Make) -> None:
    project = stand_ins()
    (project.folder / "runs").write_text("a file in the way")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.start_now(StartOrder(experiments=("A1",)))
        await notice_with(pilot, "runs")
        assert app.host.notices[-1].severity == "error"

    drive(target_of(project), act)


def test_a_readonly_console_refuses_every_action_with_one_sentence(stand_ins: Make) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s", "x", "R", "p", "e")
        await pilot.pause()
        assert app.screen is app.host

    app = drive(target_of(stand_ins()), act, readonly=True)
    assert app.notices == [
        f"this console is read-only (--readonly): {what} is disabled"
        for what in ("start", "stop", "relaunch", "pause", "export")
    ]


def test_the_plan_says_that_a_run_leaves_slurm_for_this_machine(stand_ins: Make) -> None:
    project = stand_ins()
    target = target_of(project)
    order = StartOrder(experiments=("A1",), again=True)
    (before,) = plan_start(target, order).runs
    assert before.words == "starts"
    target.runs_dir.mkdir()
    with edit_queue(target.runs_dir) as edit:
        key = str(before.run.path.relative_to(target.runs_dir))
        edit.queue = added(edit.queue, [Item(key, "A1", 42, slurm={"cpus": 1})])
    (here,) = plan_start(target, order).runs
    assert here.words == "starts; it was queued for Slurm and moves to this machine"
    (there,) = plan_start(target, replace(order, backend="slurm")).runs
    assert there.words == "starts"


def test_arrows_go_from_field_to_field_in_a_form_that_is_longer_than_the_screen(stand_ins: Make) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await planned(pilot)
        assert app.screen.query_one("#body").max_scroll_y > 0
        await pilot.press("down", "7")
        await planned(pilot)
        assert to_do(app) == [("Baseline", 7), ("A1", 7)]
        await pilot.press("up", "right")
        await planned(pilot)
        assert to_do(app) == [("A2", 7), ("B1", 7)]

    drive(target_of(stand_ins()), act, size=(80, 14))
