"""State files written by earlier versions are read as what they were; see the README.md beside them."""

import os
import shutil
from pathlib import Path

import pytest

from iqa_train.devices.leases import VARIABLE
from iqa_train.files import read_lines
from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.identity import ProcessIdentity
from iqa_train.runs.layout import RunFolder, run_folder, run_folders
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.progress import RunProgress, run_progress
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import RunState, run_state
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.overview import Row, read_overview
from iqa_train.scheduler.queue import Item, edit_queue, folder_of, read_queue
from iqa_train.scheduler.scheduler_lock import scheduler_process, start_failures

KEPT = Path(__file__).parents[1] / "fixtures" / "state-v1"


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, last touched long ago: when a file was changed is not kept with it."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    folder = tmp_path / "runs"
    shutil.copytree(KEPT, folder)
    for path in folder.rglob("*"):
        os.utime(path, (1_750_000_000, 1_750_000_000))
    return folder


def run_of(runs_dir: Path, experiment: str) -> RunFolder:
    (path,) = (runs_dir / "small" / experiment).iterdir()
    return RunFolder(path)


def row_of(runs_dir: Path, experiment: str) -> Row:
    (row,) = (row for row in read_overview(runs_dir).rows if row.experiment == experiment)
    return row


def read(runs_dir: Path, experiment: str) -> tuple[RunState, RunProgress]:
    run = run_of(runs_dir, experiment)
    state = run_state(run)
    return state, run_progress(run, state)


def test_the_run_that_completed(runs_dir: Path) -> None:
    state, progress = read(runs_dir, "Baseline")
    assert state == RunState("completed")
    assert (progress.epoch, progress.epochs, progress.seconds_left) == (3, 3, 0.0)
    assert progress.srcc == pytest.approx(0.7543769560)
    run = run_of(runs_dir, "Baseline")
    assert [(e["epoch"], e["best"]) for e in epoch_events(run)] == [(1, True), (2, False), (3, False)]
    assert log_of(run.attempts()[0]) == Path("/home/ada/study/logs/baseline_small_20261124_073347.log")
    table = read_predictions(run.round(1, 1).predictions("test"))
    assert len(table.images) == 20
    row = row_of(runs_dir, "Baseline")
    assert (row.state, row.attempt, row.device, row.batch_name) == ("completed", 1, "CPU slot 0", "Batch 1")
    assert (row.pid, row.note) == (None, "")


def test_the_run_that_failed(runs_dir: Path) -> None:
    state, progress = read(runs_dir, "A1")
    assert state == RunState("failed", "diverged")
    assert (progress.epoch, progress.epochs, progress.seconds_left) == (1, 3, None)
    assert progress.srcc is None, "no epoch of it is selected any more"
    assert row_of(runs_dir, "A1").reason == "diverged"


def test_the_run_that_was_stopped(runs_dir: Path) -> None:
    state, progress = read(runs_dir, "A2")
    assert state == RunState("stopped", "stopped on request; --resume continues", requested=True)
    assert (progress.epoch, progress.epochs) == (1, 3)
    (attempt,) = run_of(runs_dir, "A2").attempts()
    assert list(read_lines(attempt.metrics))[-1]["code"] == 6


def test_the_run_that_was_lost(runs_dir: Path) -> None:
    run = run_of(runs_dir, "B1")
    state = run_state(run)
    assert (state.name, state.can_pass) == ("lost", True)
    assert state.reason.startswith("the last sign of life from host example is ")
    assert (row_of(runs_dir, "B1").state, row_of(runs_dir, "B1").progress.epoch) == ("retrying", 1)
    assert "attempt 1 was lost: the last sign of life from host example is " in row_of(runs_dir, "B1").reason
    os.utime(run.attempts()[0].heartbeat)
    assert run_state(run) == RunState("running", "on host example")
    assert row_of(runs_dir, "B1").state == "running"


def test_the_run_that_was_not_started(runs_dir: Path) -> None:
    assert read(runs_dir, "B2") == (RunState("queued", "not started"), RunProgress(epochs=3))
    assert row_of(runs_dir, "B2").state == "queued"


def test_every_specification(runs_dir: Path) -> None:
    runs = run_folders(runs_dir)
    specs = [read_spec(run) for run in runs]
    assert [spec.experiment for spec in specs] == ["A1", "A2", "B1", "B2", "Baseline"]
    assert [run_folder(runs_dir, spec) for spec in specs] == runs  # the same settings are still the same run
    assert {(spec.study, spec.baseline, spec.seed, spec.settings.epochs) for spec in specs} == {
        ("small", "Baseline", 42, 3)
    }
    assert specs[0].settings.attention_fusion is False
    assert specs[2].settings.dropout_rate == 0.25
    assert specs[0].differs == {"attention_fusion": (True, False)}
    assert specs[4].source.score_range == (-20, 120)


def test_the_queue(runs_dir: Path) -> None:
    queue = read_queue(runs_dir)
    assert (queue.policy, queue.paused, queue.slots, queue.runs_per_gpu) == ("greedy", True, 3, 1)
    assert queue.notify["small"]["command"] == "true"
    assert [(i.experiment, i.batch, i.batch_name, i.gpu, i.told) for i in queue.items] == [
        ("Baseline", 1, "Batch 1", 0, True),
        ("A1", 1, "Batch 1", 1, True),
        ("A2", 2, "", None, True),
        ("B1", 2, "", None, False),
        ("B2", 3, "", None, False),
    ]
    assert queue.items[4] == Item(
        run="small/B2/s42-9cd3805783", experiment="B2", seed=42, batch=3, logs_dir="nologs", code=queue.items[4].code,
        command=("iqa-train", "--exp", "B2", "--slots", "3", "--detach", "--policy", "greedy", "--logs-dir", "nologs"),
    )  # fmt: skip
    assert [folder_of(i, runs_dir).spec.exists() for i in queue.items] == [True] * 5
    assert [item_status(i, runs_dir).phase for i in queue.items] == ["settled"] * 3 + ["waiting"] * 2
    with edit_queue(runs_dir) as edit:
        assert edit.queue == queue


def test_the_scheduler(runs_dir: Path) -> None:
    assert scheduler_process(runs_dir) is None
    assert read_overview(runs_dir).scheduler is None
    os.utime(runs_dir / "scheduler.json")
    boot = "01234567-89ab-cdef-0123-456789abcdef"
    assert scheduler_process(runs_dir) == ProcessIdentity("example", boot, 1000, 14090)
    assert start_failures(runs_dir)["small/B2/s42-9cd3805783"] == "nologs: File exists"


def test_looking_changes_nothing(runs_dir: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in runs_dir.rglob("*")}
    assert [(row.experiment, row.state) for row in read_overview(runs_dir).rows] == [
        ("Baseline", "completed"), ("A1", "failed"), ("A2", "stopped"), ("B1", "retrying"), ("B2", "queued"),
    ]  # fmt: skip
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in runs_dir.rglob("*")} == before
