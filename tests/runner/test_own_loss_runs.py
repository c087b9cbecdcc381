"""Runs with a loss of the study's own, and with the losses that need opinions."""

import csv
import json
import signal
from pathlib import Path

import pytest

from tests.conftest import STUDY, Project, write_small_study
from tests.runner.test_interruptions import _assert_equal_runs, _wait_for_step, _worker_of

LOSSES = """
import os
import torch
from helpers import gap

def huber(predicted, scores, *, delta: float = 5.0):
    error = gap(predicted, scores).abs()
    return (error.clamp(max=delta) * (error - error.clamp(max=delta) / 2)).mean() * (1 + 0.1 * torch.rand(()))

def wrong(predicted, scores):
    return (predicted - scores[:3]).square().mean()

def crash(predicted, scores):
    os._exit(3)
"""

EXPERIMENTS = "".join(
    f'[[experiments]]\nid = "{name}"\nset = {{ {settings} }}\n'
    for name, settings in {
        "Huber": 'loss_type = "losses.py:huber", loss_options = { delta = 3 }',
        "Wrong": 'loss_type = "losses.py:wrong"',
        "Crash": 'loss_type = "losses.py:crash"',
        "Typo": 'loss_type = "losses.py:huber", loss_options = { dleta = 3 }',
    }.items()
)


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """The small study with experiments on losses of its own."""
    return with_losses(tmp_path)


def with_losses(folder: Path) -> Project:
    project = write_small_study(folder, STUDY.replace("[[batches]]", f"{EXPERIMENTS}[[batches]]"))
    (folder / "losses.py").write_text(LOSSES)
    (folder / "helpers.py").write_text("def gap(predicted, scores):\n    return predicted - scores\n")
    return project


@pytest.mark.slow
def test_check_finds_each_fault_of_a_loss_and_runs_none_with_no_code(own: Project) -> None:
    done = own.run("check", "--json", code=1)
    findings = {(f["experiment"], f["code"], f["severity"]): f["message"] for f in json.loads(done.stdout)["findings"]}
    ours = {key for key in findings if key[1].startswith(("loss-", "own-code"))}
    assert ours == {
        ("Wrong", "loss-fails", "error"),
        ("Crash", "loss-ends", "error"),
        ("Typo", "own-code-options", "error"),
    }
    assert "losses.py, line 11, return (predicted - scores[:3])" in findings["Wrong", "loss-fails", "error"]
    assert "it ended its process with exit code 3" in findings["Crash", "loss-ends", "error"]
    assert 'did you mean "delta"?' in findings["Typo", "own-code-options", "error"]
    assert "running losses.py:huber (Huber) in a process of its own; --no-code leaves it out" in done.stderr
    assert "losses.py:huber (Typo)" not in done.stderr  # refused already, so not run

    (own.folder / "losses.py").write_text(f"import pathlib\npathlib.Path('ran').touch()\n{LOSSES}")
    own.run("check", "--no-code", code=1)
    own.run("status")
    assert not (own.folder / "ran").exists()


@pytest.mark.slow
def test_a_run_with_a_loss_that_fails_ends_at_once(own: Project) -> None:
    done = own.run("--exp", "Wrong", code=2)
    says = "losses.py, line 11, return (predicted - scores[:3])"
    assert says in done.stderr
    ended = json.loads((own.run_folder("Wrong") / "attempt-01" / "exit.json").read_text())
    assert says in ended["reason"]
    assert not (own.run_folder("Wrong") / "checkpoints").exists()


@pytest.mark.slow
def test_a_run_with_an_own_loss_is_killed_and_resumed_to_the_same_bits(own: Project, tmp_path: Path) -> None:
    words = ["--exp", "Huber", "--epochs", "3", "--train_patch_num", "8"]
    runner = own.start(*words)
    _wait_for_step(own, runner, 2)
    worker = _worker_of(own, runner)
    assert worker is not None
    worker.send_signal(signal.SIGKILL)
    runner.communicate(timeout=60)
    run = own.run_folder("Huber")
    own.run(*words, "--resume")
    undisturbed = with_losses(tmp_path / "undisturbed")
    undisturbed.run(*words)
    _assert_equal_runs(run, undisturbed.run_folder("Huber"))
    assert {path.name for path in (run / "code").iterdir()} == {"losses.py", "helpers.py"}


@pytest.mark.slow
def test_a_loss_on_opinions_trains_and_records_them(project: Project) -> None:
    table, study = project.folder / "data" / "small" / "scores.csv", project.folder / "experiments.toml"
    rows = list(csv.DictReader(table.open()))
    columns = ("bad", "fair", "good")

    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*rows[0], "sd", *columns))
        writer.writerows((*row.values(), 12 + k % 3, 1 + k % 4, 2, 3) for k, row in enumerate(rows))
    more = f'sd_column = "sd"\ndistribution_columns = {list(columns)}\n'
    study.write_text(STUDY.replace("[defaults]", f"{more}\n[defaults]").replace("'", '"'))
    words = ["--exp", "Baseline", "--loss_type", "emd", "--epochs", "1"]
    project.run(*words)
    provenance = json.loads((project.run_folder("Baseline") / "provenance.json").read_text())
    assert len(provenance["data"]["opinions"]) == 16
    document = json.loads(project.run("data", "stats", "--json").stdout)
    assert document["opinions"] == {"sd": True, "votes": False, "categories": 3}


@pytest.mark.slow
def test_emd_is_refused_where_the_set_has_no_distribution(project: Project) -> None:
    done = project.run("--exp", "Baseline", "--loss_type", "emd", code=1)
    assert 'which "small" does not have; name its columns in distribution_columns of [datasets.small]' in done.stderr
    assert not (project.folder / "runs").exists()
