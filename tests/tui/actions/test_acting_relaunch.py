"""R: a run continues, starts over, or is started with other settings and seeds."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from iqa_tui.screens.relaunch import RelaunchScreen
from tests.faults.fault_project import FIVE, FaultyProject
from tests.tui.actions.acting_host import Host, complaint, drive, notice_with, planned, states, target_of, until

Make = Callable[..., FaultyProject]


async def relaunch_dialog(app: Host, pilot: Pilot[None], experiment: str) -> RelaunchScreen:
    """Press R on this experiment."""
    app.host.look()
    app.host.selected = experiment
    await pilot.press("R")
    await pilot.pause()
    assert isinstance(app.screen, RelaunchScreen)
    return app.screen


def words(app: Host, part: str) -> str:
    """What a part of the dialog says, on one line."""
    return " ".join(str(app.screen.query_one(part, Static).visual).split())


@pytest.mark.slow
def test_the_marked_runs_are_relaunched_and_no_other(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=exit:3,A2=exit:3,B1=exit:3")
    project.run("--all", "--slots", "2", code=1)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.host.look()
        app.host.selected = "B1"
        app.host.mark("Baseline", "A1", "A2")
        await pilot.press("R")
        await pilot.pause()
        assert "continue from the last checkpoints: 2 of 3" in app.shown()
        assert "Baseline (seed 42): is completed" in app.shown()
        await pilot.press("enter")
        notice = await notice_with(pilot, "queued as attempt 2")
        assert [line.split()[0] for line in notice.splitlines()] == ["A1", "A2"]
        await until(pilot, "both have ended again", lambda: len(states(app, "failed")) == 3)

    drive(target_of(project), act)
    assert [len(project.attempts(name)) for name in ("Baseline", "A1", "A2", "B1")] == [1, 2, 2, 1]


def runs_of(project: FaultyProject, experiment: str) -> list[str]:
    return sorted(path.name for path in (project.folder / "runs" / "small" / experiment).iterdir())


def test_a_stopped_run_continues_from_its_checkpoint_as_a_new_attempt(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A1=hold")
    project.run("--exp", "A1", "--detach", "--slots", "1")
    project.wait_for_worker("A1")
    project.run("stop", "A1")
    project.let_go()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "A1")
        assert "continue from the last checkpoint after epoch 1" in app.shown()
        assert "This will be attempt 2." in words(app, "#as-it-is")
        await pilot.press("enter")
        assert await notice_with(pilot, "A1 (seed 42): queued as attempt 2, continues after epoch 1")
        await until(pilot, "it is complete", lambda: states(app, "completed") == ["A1"])

    drive(target_of(project), act)
    runner = json.loads((project.attempts("A1")[1] / "runner.json").read_text())
    assert runner["resumed"]


@pytest.mark.slow
def test_a_complete_run_starts_over_and_one_that_runs_or_never_ran_does_not(stand_ins: Make) -> None:
    project = stand_ins(behaviour="A2=hold")
    project.run("--exp", "A1", "--slots", "1")
    project.run("--exp", "A2", "--detach", "--slots", "1")
    project.wait_for_worker("A2")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "A2")
        assert "A2 (seed 42) is running; there is nothing to relaunch; press x to stop it." in words(app, "#as-it-is")
        await pilot.press("enter")
        assert "nothing is changed" in complaint(pilot)
        await pilot.press("escape")
        await relaunch_dialog(app, pilot, "B1")
        assert "B1 has not been started yet; press s to start it." in words(app, "#as-it-is")
        await pilot.press("escape")
        await relaunch_dialog(app, pilot, "A1")
        assert "continue" not in app.shown()
        assert "start over" in app.shown()
        assert "counts until the new run is complete: its difference is from that one" in words(app, "#as-it-is")
        await pilot.press("enter")
        assert "A1 (seed 42): queued as attempt 2, from the start" in await notice_with(pilot, "queued")

    drive(target_of(project, slots=2), act)
    assert len(runs_of(project, "A1")) == 1


def test_a_changed_setting_makes_a_run_of_its_own_and_the_dialog_reports_it(stand_ins: Make) -> None:
    project = stand_ins()
    project.run("--exp", "A1", "--slots", "1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "A1")
        await pilot.press("right", "tab", "tab", *"weight_", "right", *"1e-3")
        await planned(pilot)
        assert "weight_decay: 0.0005 → 0.001" in words(app, "#differs")
        assert "differs from Baseline in: attention_fusion true → false" in words(app, "#differs")
        assert "make a separate run" in words(app, "#differs")
        await pilot.press("tab", *"epochs = 2")
        await until(pilot, "both", lambda: "epochs: 3 → 2" in words(app, "#differs"))
        await pilot.press("enter")
        assert await notice_with(pilot, "1 run queued: A1")
        await until(pilot, "both are complete", lambda: states(app, "completed") == ["A1", "A1"])

    drive(target_of(project), act)
    (other,) = set(runs_of(project, "A1")) - {project_run(project)}
    settings = json.loads((project.folder / "runs" / "small" / "A1" / other / "spec.json").read_text())["settings"]
    assert (settings["weight_decay"], settings["epochs"], settings["attention_fusion"]) == (1e-3, 2, False)


def project_run(project: FaultyProject) -> str:
    """The folder of A1 as the study file means it."""
    done = project.run("--exp", "A1", "--dry-run").stdout
    return Path(next(line.split()[-1] for line in done.splitlines() if "run directory" in line)).name


@pytest.mark.slow
def test_other_seeds_of_the_same_settings_count_in_the_study(stand_ins: Make) -> None:
    project = stand_ins()
    project.run("--exp", "A1", "--slots", "1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "A1")
        await pilot.press("right", "tab", *"43 44")
        await planned(pilot)
        assert "separate run" not in words(app, "#differs")
        await pilot.press("enter")
        assert await notice_with(pilot, "2 runs queued: A1 (seed 43) and A1 (seed 44)")
        await until(pilot, "all are complete", lambda: states(app, "completed") == ["A1"] * 3)
        assert all(line.planned for line in app.host.board.lines)

    drive(target_of(project, slots=2), act)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("atention_fusion = true", 'unknown setting "atention_fusion"; did you mean "attention_fusion"?'),
        ("lr = 5", "lr = 5.0 is out of range; allowed: more than 0, at most 1"),
        ("lr = nan", "lr = nan is not a finite number"),
        ("epochs = 2.5", 'epochs = "2.5" is not a whole number'),
        ("loss_type = l3", 'loss_type = "l3" is not one of its choices; allowed: l1, l2, srcc, rank, pairwise'),
        ("multi_scale = maybe", 'multi_scale = "maybe" is not true or false'),
        ("patch_size = 33", "patch_size = 33 is out of range"),
        ("lr", "lr = ? peak learning rate of the backbone; allowed: more than 0, at most 1"),
        ("seed = 4", "seed: enter it above, under Seeds"),
        ("lr_floor = 0.5", "not started: rising-schedule"),
    ],
)
def test_each_setting_is_checked_as_it_is_typed_and_nothing_wrong_is_started(
    stand_ins: Make, typed: str, says: str
) -> None:
    project = stand_ins()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "A1")
        await pilot.press("tab", "tab", *typed)
        await planned(pilot)
        await pilot.press("enter")
        await until(pilot, says, lambda: says in " ".join(complaint(pilot).split()))
        assert isinstance(app.screen, RelaunchScreen)

    drive(target_of(project), act)
    assert not (project.folder / "runs").exists()


@pytest.mark.slow
def test_a_run_with_other_settings_or_gone_from_the_study_file_keeps_its_settings(stand_ins: Make) -> None:
    project = stand_ins()
    project.run("--exp", "B1", "--slots", "1", "--weight_decay", "1e-3")
    fewer = FIVE.replace(', 1 = "B1"', "").replace('id = "B1"', 'id = "C1"')
    (project.folder / "experiments.toml").write_text(fewer)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "B1")
        await pilot.press("right", "tab", "tab", *"epochs = 2")
        await planned(pilot)
        await pilot.press("enter")
        assert await notice_with(pilot, "1 run queued: B1")
        await until(pilot, "both are complete", lambda: states(app, "completed") == ["B1", "B1"])

    drive(target_of(project), act)
    found = [
        json.loads((project.folder / "runs" / "small" / "B1" / name / "spec.json").read_text())["settings"]
        for name in runs_of(project, "B1")
    ]
    assert sorted((s["epochs"], s["weight_decay"], s["dropout_rate"]) for s in found) == [
        (2, 1e-3, 0.1),
        (3, 1e-3, 0.1),
    ]


def test_a_run_typed_by_hand_can_be_changed_too(stand_ins: Make) -> None:
    project = stand_ins()
    words_ = "--dataset small --backbone demo --weights none --epochs 2 --train_test_num 1 --no_spaq --slots 1"
    project.run(*words_.split())

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await relaunch_dialog(app, pilot, "small-demo-tiny")
        await pilot.press("right", "tab", "tab", *"epochs = 1")
        await planned(pilot)
        assert "epochs: 2 → 1" in words(app, "#differs")
        await pilot.press("enter")
        assert await notice_with(pilot, "1 run queued: small-demo-tiny")
        await until(pilot, "both are complete", lambda: len(states(app, "completed")) == 2)

    drive(target_of(project, study="manual"), act)
