"""Which attempt a job is to make, from queue, run folders and what Slurm says of other jobs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.runs.snapshot import RunSnapshot, read_snapshot
from iqa_train.scheduler.queue import Item, Queue, folder_of
from iqa_train.scheduler.slurm.job_turn import Due, NotDue, attempt_due
from iqa_train.slurm.this_job import ThisJob

JOB = ThisJob("17", 3, "20", 1, "n1", "main", "t", "", 8)
MINE = Item("small/A1/s42-0123456789", "A1", 42, batch=2, slurm={})
FIRST = Item("small/Baseline/s42-0123456789", "Baseline", 42, batch=1, batch_name="Batch 1", slurm={})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for item in (MINE, FIRST):
        folder_of(item, tmp_path).path.mkdir(parents=True)
    _attempt(tmp_path, FIRST, 1, None, state="failed")
    return tmp_path


def _attempt(runs: Path, item: Item, number: int, job: dict[str, Any] | None, state: str = "") -> None:
    """An attempt of a job on another host that has just given a sign of life, or one that has ended."""
    folder = folder_of(item, runs).path / f"attempt-{number:02d}"
    folder.mkdir()
    facts = {
        "host": "elsewhere", "boot_id": "another", "pid_namespace": 1, "runner": {"pid": 1, "created": 1},
        **({"slurm": job} if job else {}),
    }  # fmt: skip
    (folder / "runner.json").write_text(json.dumps(facts))
    if state:
        ended = {"state": state, "reason": "exit code 3", "exit_code": 3, "signal": None}
        (folder / "exit.json").write_text(json.dumps(ended))


def _due(runs: Path, queue: Queue, after: int = 0, gone: dict[str, bool] | None = None) -> Due | NotDue:
    found: dict[str, RunSnapshot] = {item.key: read_snapshot(folder_of(item, runs)) for item in (MINE, FIRST)}
    return attempt_due(MINE.key, after, queue, found, JOB, gone or {})


def _words(found: Due | NotDue) -> str:
    assert isinstance(found, NotDue)
    return found.words


QUEUE = Queue((FIRST, MINE))


def test_it_is_due(runs: Path) -> None:
    assert _due(runs, QUEUE) == Due(MINE, 1)


def test_what_is_not_wanted_is_not_due(runs: Path) -> None:
    missing = _due(runs, Queue((FIRST,)))
    assert missing == NotDue("it is not in the queue", missing=True)
    assert _words(_due(runs, QUEUE, after=2)) == "it was queued once more, for another job"
    assert _words(_due(runs, replace(QUEUE, paused=True))) == "the queue is paused"


def test_its_batch_must_have_come(runs: Path) -> None:
    waiting = replace(FIRST, after=1)  # queued once more: its failed attempt counts no more
    assert _words(_due(runs, Queue((waiting, MINE)))) == "it waits for batch 1"
    assert _due(runs, Queue((waiting, MINE), policy="greedy")) == Due(MINE, 1)


def test_what_is_done_is_not_done_again(runs: Path) -> None:
    _attempt(runs, MINE, 1, None, state="failed")
    assert _words(_due(runs, QUEUE)) == "failed: exit code 3"


def test_an_earlier_start_of_this_job_is_replaced(runs: Path) -> None:
    _attempt(runs, MINE, 1, {"job": "17_3", "id": "20", "restarts": 0})
    assert _due(runs, QUEUE) == Due(MINE, 2, supersedes=1)


def test_another_job_is_replaced_once_slurm_says_it_is_gone(runs: Path) -> None:
    _attempt(runs, MINE, 1, {"job": "12_0", "id": "12", "restarts": 0})
    assert "another process works on it" in _words(_due(runs, QUEUE))
    assert "another process works on it" in _words(_due(runs, QUEUE, gone={"12_0": False}))
    assert _due(runs, QUEUE, gone={"12_0": True}) == Due(MINE, 2, supersedes=1)


def test_a_run_that_another_machine_works_on_is_left_alone(runs: Path) -> None:
    _attempt(runs, MINE, 1, None)
    assert "another process works on it (on host elsewhere" in _words(_due(runs, QUEUE, gone={"12_0": True}))
