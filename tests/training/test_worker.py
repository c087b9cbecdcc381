"""The worker process: its exit codes, its end event, its log, and what it leaves behind when something fails."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from iqa_train.files import read_lines
from iqa_train.runs import outcome
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.specfile import write_spec
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve
from iqa_train.training import run_log
from tests.conftest import Project


@dataclass(frozen=True)
class Ended:
    """A worker's exit code, the message of its end event, and its log."""

    code: int
    message: str
    log: str
    run: RunFolder


def prepared(project: Project, **settings: object) -> RunFolder:
    """The folder of a run of Baseline with these settings."""
    spec = resolve(load_study(project.folder / "experiments.toml"), "Baseline", overrides=settings)
    run = run_folder(project.folder / "runs", spec)
    run.path.mkdir(parents=True, exist_ok=True)
    write_spec(run, spec)
    return run


def attempted(project: Project, run: RunFolder, *words: str, log: str = "", buffered: bool = False) -> Ended:
    """Run a worker; its output goes to the file `log`, if given."""
    attempt = run.next_attempt()
    attempt.folder.mkdir()
    command = [sys.executable, "-m", "iqa_train.training.worker", str(run.path), str(attempt.folder), *words]
    environment = project.environment() | {"OMP_NUM_THREADS": "1"} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    with Path(log or project.folder / "log").open("w") as file:
        done = subprocess.run(
            command, cwd=project.folder, env=environment, stdout=file, stderr=file, timeout=120, check=False
        )
    messages = [str(event["message"]) for event in read_lines(attempt.metrics) if event["event"] == "end"]
    return Ended(done.returncode, "".join(messages), "" if log else (project.folder / "log").read_text(), run)


def work(project: Project, *words: str, **settings: object) -> Ended:
    return attempted(project, prepared(project, **settings), *words)


@pytest.mark.slow
def test_a_run_that_diverges_in_the_last_step_of_an_epoch_is_not_completed(project: Project) -> None:
    ended = work(project, epochs=1, batch_size=200, lr=1.0, lr_ratio=1e38)
    assert ended.code == outcome.DIVERGED
    assert ended.message.startswith("diverged: ")
    assert ended.message.endswith("; lower lr or lr_ratio")
    assert "Best test SRCC" not in ended.log
    assert ended.run.outcome() == []


@pytest.mark.slow
def test_a_diverged_run_leaves_finite_checkpoints_to_resume_from(project: Project) -> None:
    """The rate steps up after two epochs of one step each, far too high."""
    steep = {"lr_scheduler": "step", "lr_step_epochs": 2, "lr_step_gamma": 1e35, "epochs": 3, "batch_size": 200}
    for words in ([], ["--resume"]):
        ended = work(project, *words, **steep)
        assert ended.code == outcome.DIVERGED
        files = ended.run.round(1, 1)
        for path in (files.last, files.best):
            assert all(torch.isfinite(value).all() for value in load_file(path).values())
    assert "resumed after epoch 2" in ended.log


@pytest.mark.parametrize("buffered", [False, True])
def test_a_full_log_disk_is_reported_by_exit_code_and_end_event(project: Project, buffered: bool) -> None:
    ended = attempted(project, prepared(project), log="/dev/full", buffered=buffered)
    assert ended.code == outcome.DISK_FULL
    assert ended.message.startswith("disk full: ")


@pytest.mark.parametrize("log", ["", "/dev/full"])
def test_an_unexpected_error_is_reported_even_if_the_log_disk_is_full(project: Project, log: str) -> None:
    run = prepared(project)
    run.spec.unlink()
    run.spec.symlink_to("/proc/self/mem")  # a file that cannot be read: an I/O error
    ended = attempted(project, run, log=log)
    assert ended.code == outcome.UNEXPECTED
    assert ended.message.startswith("OSError: ")
    assert log or "Traceback" in ended.log


@pytest.mark.slow
def test_the_log_names_the_split_that_chooses(project: Project) -> None:
    on_test = work(project, epochs=1, select_on="test").log
    assert "epoch 1: test SRCC" in on_test
    assert "epoch 1: validation SRCC" not in on_test
    assert "epoch 1: validation SRCC" in work(project, epochs=1).log


@pytest.mark.slow
def test_the_log_says_where_the_split_comes_from(project: Project) -> None:
    assert "(split by seed, reference by reference)" in work(project, epochs=1).log
    table = project.folder / "data" / "small" / "scores.csv"
    rows = [line.split(",") for line in table.read_text().split()]
    parts = ["split", *("test" if k % 5 == 0 else "train" for k in range(len(rows) - 1))]
    table.write_text("".join(",".join([*row, part]) + "\n" for row, part in zip(rows, parts, strict=True)))
    study = project.folder / "experiments.toml"
    study.write_text(study.read_text().replace("reference_column", 'split_column = "split"\nreference_column'))
    log = work(project, epochs=1).log
    assert "(official training and test images; validation images taken from training by seed, reference by" in log
    assert 'note: reference "scene0" has images in train and test (10 of 24 references are in several splits)' in log


@pytest.mark.slow
@pytest.mark.parametrize("content", ["[]", "{}"])
def test_damaged_provenance_is_reported_in_one_sentence(project: Project, content: str) -> None:
    run = work(project, epochs=1).run
    run.provenance.write_text(content)
    ended = work(project, "--resume", epochs=1)
    assert ended.code == outcome.UNEXPECTED
    assert "Traceback" not in ended.log
    assert f"{run.provenance} is damaged" in ended.message


@pytest.mark.slow
def test_a_folder_in_place_of_a_checkpoint_is_reported_in_one_sentence(project: Project) -> None:
    run = work(project, epochs=1).run
    run.round(1, 1).last.unlink()
    run.round(1, 1).last.mkdir()
    ended = work(project, "--resume", epochs=1)
    assert ended.code == outcome.INVALID
    assert "Traceback" not in ended.log
    assert "last.safetensors is a folder, not a checkpoint" in ended.message


@pytest.mark.parametrize(
    ("best", "select_on", "chosen", "own", "said"),
    [
        (3, "val", (5, 0.9), 0.875, "chosen on the validation images; choosing on test would have taken epoch 5 and "
         "claimed 0.9000 (+0.0250)"),
        (5, "val", (5, 0.9), 0.9, "chosen on the validation images; choosing on test would have taken the same epoch"),
        (5, "test", (5, 0.9), 0.9, "chosen on the test images themselves (select_on = test), so it is optimistic"),
        (1, "val", (1, None), None, "chosen on the validation images; the test SRCC is undefined"),
    ],
)  # fmt: skip
def test_the_line_after_best_test_srcc_says_how_the_epoch_was_chosen(
    best: int, select_on: str, chosen: tuple[int, float | None], own: float | None, said: str
) -> None:
    result = {
        "best_epoch": best, "epochs": 8, "select_on": select_on, "test": {"srcc": own, "plcc": own},
        "test_chosen": {"epoch": chosen[0], "srcc": chosen[1]},
    }  # fmt: skip
    assert run_log.best(result)[1] == f"that is the test SRCC of epoch {best} of 8, {said}"
