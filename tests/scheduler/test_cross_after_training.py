"""Tests on other data sets after training: asked for, looked at beforehand, kept, and never the run's undoing."""

import csv
import json
import subprocess
import time
from pathlib import Path

import pytest
from scipy import stats

from tests.conftest import Project
from tests.scheduler.cross_project import Crossed, with_others


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return with_others(tmp_path)


def predictions(path: Path) -> dict[str, tuple[float, float]]:
    with path.open() as file:
        return {row["image"]: (float(row["score"]), float(row["prediction"])) for row in csv.DictReader(file)}


def test_several_sets_are_tested_and_kept(crossed: Crossed) -> None:
    run = crossed.project.run_folder("Baseline")
    result = json.loads((run / "result.json").read_text())["rounds"][0]["cross"]
    assert list(result) == ["other", "third"]  # the set that is trained on is tested anyway
    for name in result:
        table = predictions(run / f"predictions-{name}.csv")
        assert len(table) == 48
        scores, predicted = zip(*table.values(), strict=True)
        rho = stats.spearmanr(scores, predicted).statistic
        assert result[name]["srcc"] == pytest.approx(rho, abs=1e-12)
        assert f"{name.upper()} test SRCC {rho:f}" in crossed.said["Baseline"]
        assert json.loads((run / f"tested-{name}.json").read_text())["images"] == 48
    assert crossed.said["Baseline"].splitlines()[-1].startswith("Testing median SRCC")


def test_what_is_tested_afterwards_makes_no_other_run_of_it(project: Project) -> None:
    plain = project.run("--exp", "Baseline", "--dry-run").stdout
    study = project.folder / "experiments.toml"
    study.write_text(study.read_text().replace("spaq = false", 'spaq = false\ncross_datasets = ["other"]'))
    asked = project.run("--exp", "Baseline", "--dry-run").stdout
    assert 'cross_datasets = ["other"]' in asked
    configurations = [next(line for line in text.splitlines() if "configuration" in line) for text in (plain, asked)]
    assert configurations[0] == configurations[1]


def test_no_spaq_overrides_the_file(project: Project) -> None:
    study = project.folder / "experiments.toml"
    study.write_text(study.read_text().replace("spaq = false", 'spaq = false\ncross_datasets = ["spaq", "other"]'))
    assert 'cross_datasets = ["spaq", "other"]' in project.run("--exp", "A1", "--dry-run").stdout
    assert 'cross_datasets = ["other"]' in project.run("--exp", "A1", "--no_spaq", "--dry-run").stdout
    done = project.run("--exp", "A1", code=2)  # named, it must be there; on by default, it may be missing
    assert "data/spaq" in done.stderr
    assert not (project.folder / "runs").exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("nowhere", 'unknown data set "nowhere"'),
        ("kadid-10k", "data/kadid-10k: there is no such folder"),
        ("other,test", 'cross_datasets holds "test", which names the run\'s own test images'),
        ("../other", "--cross_datasets"),
    ],
)
def test_a_set_that_cannot_be_tested_on_stops_before_anything_starts(project: Project, names: str, said: str) -> None:
    done = project.run("--exp", "A1", "--cross_datasets", names, code=2)
    assert said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("iqa-train: ")]) == 1
    assert not (project.folder / "runs").exists()


def test_a_damaged_image_of_another_set_is_reported_before_training(project: Project) -> None:
    image = project.folder / "data" / "other" / "pictures" / "07.png"
    image.write_bytes(image.read_bytes()[:300])
    done = project.run("--exp", "A1", "--cross_datasets", "other", code=2)
    assert "pictures/07.png cannot be decoded" in done.stderr
    assert "Epoch\t" not in done.stdout


def started(project: Project, *words: str) -> "subprocess.Popen[str]":
    """Start training, with a folder where A1's predictions on the other set should go."""
    process = project.start(*words, "--epochs", "1")
    while not list(project.folder.glob("runs/small/A1/*/attempt-01/runner.json")):
        assert process.poll() is None
        time.sleep(0.01)
    (project.run_folder("A1") / "predictions-other.csv").mkdir()
    return process


@pytest.mark.slow
def test_a_test_that_fails_leaves_the_result(project: Project) -> None:
    process = started(project, "--exp", "A1", "--cross_datasets", "other,third")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    assert "trained to the end, but the test on other failed" in err
    assert "iqa-train test --exp A1 --on NAME" in err
    run = project.run_folder("A1")
    assert json.loads((run / "attempt-01" / "exit.json").read_text())["state"] == "completed"
    assert list(json.loads((run / "result.json").read_text())["rounds"][0]["cross"]) == ["third"]
    assert (run / "predictions-third.csv").exists()
    (status,) = [r for r in json.loads(project.run("status", "--json").stdout)["runs"] if r["experiment"] == "A1"]
    assert status["state"] == "completed"


@pytest.mark.slow
def test_a_test_that_fails_in_the_queue_is_in_its_exit_code(project: Project) -> None:
    process = started(project, "--exp", "A1", "A2", "--cross_datasets", "other", "--slots", "1")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    assert "A1: completed: trained to the end, but the test on other failed" in err
    assert (project.run_folder("A2") / "predictions-other.csv").is_file()


@pytest.mark.slow
def test_every_round_is_tested(project: Project) -> None:
    project.run("--exp", "Baseline", "--train_test_num", "2", "--epochs", "1", "--cross_datasets", "other")
    run = project.run_folder("Baseline")
    tables = [predictions(run / f"round-{n:02}" / "predictions-other.csv") for n in (1, 2)]
    assert list(tables[0]) == list(tables[1])
    assert tables[0] != tables[1]


@pytest.mark.slow
def test_starting_over_sets_aside_what_was_tested(crossed: Crossed, tmp_path: Path) -> None:
    copy = crossed.copy(tmp_path / "copy")
    run = copy.run_folder("A1")
    names = ("predictions-other.csv", "predictions-third.csv", "predictions-test.csv")
    before = {name: (run / name).read_bytes() for name in (*names, "tested-other.json")}
    copy.run("--exp", "A1", "--cross_datasets", "other", "--again")
    for name, content in before.items():
        assert (run / "attempt-01" / name).read_bytes() == content
    assert (run / "predictions-other.csv").read_bytes() == before["predictions-other.csv"]
    assert (run / "predictions-test.csv").read_bytes() == before["predictions-test.csv"]
    assert not (run / "predictions-third.csv").exists()
