"""Lost runs, damaged files, left-overs, processes that outlive their runs."""

import fcntl
import os
import subprocess

import pytest

from iqa_train.doctor.check_result import CheckScope
from iqa_train.runs.marks import MARK
from tests.doctor.checkup_world import a_run, found, ills, locked, put, queue, the


def test_lost_runs_are_named_unless_the_queue_tries_them_again(where: CheckScope) -> None:
    for name in ("A1", "A2", "B1", "B2"):
        a_run(where, name)
    a_run(where, "Baseline", ended=True)
    (checkup,) = found(where, "lost-runs")
    assert checkup.verdict == "warning"
    assert checkup.message.startswith("4 runs lost: A1 (seed 42): its processes died")
    assert checkup.message.endswith("and 1 more")
    assert checkup.cure.startswith(f"`iqa-train relaunch EXP --runs-dir {where.runs_dir}`")
    assert found(where, "runs") == []
    queue(where, "A1", "A2", "B1")
    assert the(where, "lost-runs").message.startswith("1 run lost: B2")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("queue.json", "{"), ("queue.json", '{"items": [{}]}'), ("scheduler.json", "[]"),
        ("lr5e7/A1/s42-0123456789/spec.json", '{"slug": '), ("lr5e7/A1/s42-0123456789/result.json", ""),
        ("lr5e7/A1/s42-0123456789/attempt-01/runner.json", "\0\0\0"),
        ("lr5e7/A1/s42-0123456789/attempt-01/exit.json", '{"state": "completed"}'),
    ],
)  # fmt: skip
def test_each_damaged_file_is_named_once(where: CheckScope, name: str, content: str) -> None:
    a_run(where, "A1", ended=True)
    a_run(where, "A2", ended=True)
    put(where.runs_dir / name, content)
    (checkup,) = ills(where)
    assert (checkup.name, checkup.verdict) == ("state-files", "error")
    assert checkup.message.startswith(f"{where.runs_dir / name} is damaged")
    assert checkup.cure
    assert (where.runs_dir / name).read_text() == content


def test_what_ended_attempts_left(where: CheckScope) -> None:
    run, attempt = a_run(where, "A1")
    (_, second), (_, ended) = a_run(where, "A1"), a_run(where, "A2", ended=True)
    for one in (attempt, second, ended):
        one.reserve.touch()
        one.heartbeat.touch()
    (checkup,) = found(where, "left-overs")
    assert (checkup.verdict, checkup.message.split(" that ")[0]) == ("note", "ended attempts left 6 files")
    with locked(run.lock):
        assert "left 4 files" in found(where, "left-overs")[0].message  # those of the second try are in use


def test_a_process_that_outlives_its_run(where: CheckScope) -> None:
    run, attempt = a_run(where, "A1", ended=True)
    with run.lock.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            ["sleep", "60"], pass_fds=[lock.fileno()], env=os.environ | {MARK: str(attempt.folder.resolve())}
        )
    try:
        (checkup,) = found(where, "runs", "warning")
        assert "A1 (seed 42) has ended, but one of its processes is still alive" in checkup.message
        assert checkup.cure == f"kill {process.pid}"
    finally:
        process.kill()
        process.wait()
    assert the(where, "runs").message == f"1 run in {where.runs_dir}, 0 alive, none lost"
