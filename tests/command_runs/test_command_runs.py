"""Runs of a user's own script, from the command line to the table: what it leaves, and how it may end."""

import csv
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command_runs.command_project import STUDY, command_project, experiment
from tests.conftest import Project

pytestmark = pytest.mark.slow

ENDS = {
    "binary": "completed", "flood": "completed", "repeats": "completed", "untested": "completed",
    "grandchild": "completed", "cut": "failed", "nan": "failed", "other": "failed", "mute": "failed",
    "oom": "failed", "exit:2": "failed", "die:9": "killed",
}  # fmt: skip


def _name(what: str) -> str:
    return what.replace(":", "-")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study in which the script behaves well once, and in every other way."""
    study = STUDY + "".join(experiment(_name(what), what=what) for what in ENDS) + experiment("Noisy", noise=60)
    project = command_project(tmp_path_factory.mktemp("ends"), study)
    project.run("--all", "--slots", "2", "--retries", "0", code=2, timeout=240)
    return project


def _exit(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.run_folder(name) / "attempt-01" / "exit.json").read_text())
    return found


def _log(project: Project, name: str) -> str:
    (log,) = (project.folder / "logs").glob(f"{name}_small_*.log")
    return log.read_bytes().decode(errors="replace")


def _epochs(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for file in sorted(run.rglob("metrics.jsonl")) for line in file.open()]
    return [event for event in lines if event["event"] == "epoch"]


@pytest.mark.parametrize("what", ENDS)
def test_how_a_script_ends_is_how_its_run_ends(ended: Project, what: str) -> None:
    assert _exit(ended, _name(what))["state"] == ENDS[what]


def test_the_reasons_name_what_is_wrong(ended: Project) -> None:
    reasons = {what: _exit(ended, _name(what))["reason"] for what in ENDS}
    assert "has 8 of the 10 test images" in reasons["cut"]
    assert "nan" in reasons["nan"].lower()
    assert "its images are training images" in reasons["other"]
    assert "left no predictions" in reasons["mute"]
    assert f"expected: {ended.run_folder('mute')}/output/" in reasons["mute"]
    code_2 = _exit(ended, "exit-2")["reason"]
    assert code_2.startswith("the program ended with code 2: its input cannot be used; ")
    assert 0 < len(code_2.partition("ends with: ")[2]) <= 163
    assert "out of memory: the program ended with code 1" in reasons["oom"]
    assert _exit(ended, "oom")["exit_code"] == 4
    assert _exit(ended, "exit-2")["exit_code"] == 2
    assert _exit(ended, "die-9")["signal"] == 9
    assert not any((ended.run_folder(name) / "result.json").exists() for name in ("cut", "nan", "other", "mute"))


def test_its_predictions_are_the_runs(ended: Project) -> None:
    run = ended.run_folder("Base")
    with (run / "attempt-01" / "split.csv").open() as file:
        parts = {row["image"]: row for row in csv.DictReader(file)}
    with (run / "predictions-test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {name for name, row in parts.items() if row["split"] == "test"}
    assert all(row["score"] == parts[row["image"]]["score"] for row in rows)
    assert (run / "references-test.csv").exists()
    assert (run / "predictions-val.csv").exists()
    table = json.loads(ended.run("results", "--json").stdout)
    values = {row["experiment"]: row for row in table["rows"]}
    assert values["Noisy"]["delta"] < -0.05
    assert values["binary"]["delta"] == 0  # what it writes beside changes nothing
    assert json.loads((run / "result.json").read_text())["rounds"][0]["epochs"] == 3


def test_a_script_without_predictions_stands_as_it_reported(ended: Project) -> None:
    events = _epochs(ended.run_folder("untested"))
    best = max(events, key=lambda event: event["val_srcc"])
    result = json.loads((ended.run_folder("untested") / "result.json").read_text())
    assert (result["srcc"], result["rounds"][0]["best_epoch"]) == (best["test_srcc"], best["epoch"])
    assert "untested" in _log(ended, "untested")
    assert not (ended.run_folder("untested") / "predictions-test.csv").exists()


def test_epochs_are_written_once_however_often_they_are_reported(ended: Project) -> None:
    assert [event["epoch"] for event in _epochs(ended.run_folder("Base"))] == [1, 2, 3]
    assert [event["epoch"] for event in _epochs(ended.run_folder("flood"))] == [1, 2, 3]
    assert [event["epoch"] for event in _epochs(ended.run_folder("binary"))] == [1, 2, 3]
    events = _epochs(ended.run_folder("repeats"))
    assert [event["epoch"] for event in events] == [1, 1, 2, 3]
    assert events[1]["train_loss"] == 9
    assert "was reported after epoch" in _log(ended, "repeats")


def test_nothing_of_a_script_survives_its_run(ended: Project) -> None:
    deadline = time.monotonic() + 30  # the scheduler stays for a moment; what `grandchild` leaves would stay for 600 s
    while left := _left_below(ended.folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _left_below(folder: Path) -> list[Path]:
    return [p for p in Path("/proc").iterdir() if p.name.isdigit() and _is_below(p, folder)]


def _is_below(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder.resolve())
    except OSError:
        return False


def test_the_log_says_what_was_started(ended: Project) -> None:
    log = _log(ended, "Noisy")
    assert "differs from Base in: noise 60.0 (baseline: 5.0)" in log
    assert re.search(r"program: \S+ train.py 60.0 '', in ", log)
    provenance = json.loads((ended.run_folder("Noisy") / "provenance.json").read_text())
    assert set(provenance["command"]["files"]) == {"train.py"}


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    project = command_project(tmp_path, STUDY.replace("epoch (?P<epoch>", "Epoche (?P<epoch>"))
    done = project.run("--exp", "Base", "--set", "noise=0", "--seed", "7")
    assert "no line of its output matched a pattern of epochs" in done.stdout
    spec = json.loads((project.run_folder("Base") / "spec.json").read_text())
    assert spec["parameters"] == {"noise": 0.0, "what": ""}
    assert json.loads((project.run_folder("Base") / "result.json").read_text())["srcc"] == 1


def test_without_a_way_to_resume_it_starts_over(tmp_path: Path) -> None:
    study = re.sub(r"(?m)^resume = .*\n", "", STUDY) + experiment("A1", what="die:15")
    project = command_project(tmp_path, study)
    project.run("--exp", "A1", "Base", "--slots", "2", "--retries", "1", code=1)
    run = project.run_folder("A1")
    assert len(list(run.glob("attempt-*"))) == 3  # each had finished epoch 1, and none came further
    (run / "output" / "predictions-test.csv").write_text("image,prediction\nstale,1\n")
    project.run("--exp", "A1", "--resume", code=1)
    assert (run / "attempt-03" / "output" / "predictions-test.csv").exists()
    assert not (run / "output" / "predictions-test.csv").exists()
    assert len(json.loads(project.run("status", "--json").stdout)["runs"]) == 2
    runner = json.loads((run / "attempt-04" / "runner.json").read_text())
    assert runner["resumed"] is False


@pytest.mark.parametrize("patterns", [True, False], ids=["by its output", "by events"])
def test_what_a_killed_worker_did_not_read_is_read_by_the_next(tmp_path: Path, patterns: bool) -> None:
    study = STUDY if patterns else re.sub(r"(?m)^epochs = '.*\n", "", STUDY)
    project = command_project(tmp_path, study + experiment("A1", what="unread"))
    project.run("--exp", "A1", code=1)
    project.run("--exp", "A1", "--resume")
    run = project.run_folder("A1")
    assert 2 not in [event["epoch"] for event in _epochs(run / "attempt-01")]
    assert [event["epoch"] for event in _epochs(run)] == ([1, 2, 3] if patterns else [2])
    assert json.loads((run / "result.json").read_text())["rounds"][0]["epochs"] == (3 if patterns else 1)
