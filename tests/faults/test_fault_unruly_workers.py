"""Workers that do not obey, leave others behind, or write without end: stopped in time, and nothing of them is left."""

import json
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_same_results, assert_true_state
from tests.small_disk import small_disk

LONG = ("--epochs", "100000")
MEBI = 1 << 20


def _gone(project: FaultyProject) -> None:
    project.wait("no process is left", lambda: not project.living())


def test_a_worker_that_ignores_term_is_killed_after_the_grace(make: Make) -> None:
    project = make(behaviour="A1=deaf")
    project.run("--exp", "A1", "--detach", *LONG)
    project.wait_for_worker("A1")
    began = time.monotonic()
    done = project.run("stop", "A1", "--grace", "1")
    assert 1 <= time.monotonic() - began < 6
    assert "killed" in done.stdout
    assert not project.of_role("worker")
    row = project.row("A1")
    assert row["state"] == "stopped"
    assert row["reason"].startswith("stopped on request, killed after")
    (ended,) = project.exits("A1")
    assert ended is not None
    assert ended["requested"] is True
    _gone(project)  # the scheduler too: nothing is left to do, and what was stopped is not tried again
    assert len(project.attempts("A1")) == 1


@pytest.mark.parametrize("end", ["stopped", "worker killed", pytest.param("complete", marks=pytest.mark.slow)])
def test_a_grandchild_in_its_own_session_does_not_stay_behind(make: Make, end: str) -> None:
    project = make(behaviour="A1=grandchild", seconds=0.1)
    project.run("--exp", "A1", "--detach", "--epochs", "20" if end == "complete" else "100000")
    worker = project.wait_for_worker("A1")
    (grandchild,) = project.of_role("other")
    if end == "stopped":
        project.run("stop", "A1")
    elif end == "worker killed":
        worker.kill()
    project.wait("the grandchild is gone", lambda: grandchild not in project.living())


def test_a_grandchild_that_outlived_runner_and_worker_can_be_stopped(make: Make) -> None:
    project = make(behaviour="A1=grandchild")
    project.run("--exp", "A1", "--detach", *LONG)
    project.wait_for_worker("A1")
    for process in [*project.of_role("scheduler"), *project.of_role("runner"), *project.of_role("worker")]:
        process.kill()
    assert project.of_role("other")
    project.run("stop", "A1", "--grace", "1")
    _gone(project)
    row = project.row("A1")
    assert (row["state"], row["attempt"]) == ("stopped", 1)
    assert "stopped on request" in row["reason"]


def test_a_grandchild_that_outlived_runner_and_worker_does_not_hold_up_the_study(
    make: Make, undisturbed_stand_ins: FaultyProject
) -> None:
    project = make(behaviour="A1=grandchild@1+hold@1", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    for process in [*project.of_role("runner", "/A1/"), *project.of_role("worker", "/A1/")]:
        process.kill()
    told = project.wait_until_settled(20)
    assert {row["state"] for row in told["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_stand_ins)
    _gone(project)


def test_a_flood_in_the_log(make: Make, tmp_path: Path) -> None:
    """100 MB/s, and deaf besides: the runner's memory stays flat, status and logs answer, and it is stopped in time."""
    project = make(behaviour="A1=flood+deaf")
    with small_disk(tmp_path / "logs", 2 << 20) as logs:
        project.run("--exp", "A1", "--detach", "--logs-dir", str(logs), *LONG)
        log = project.wait("the log", lambda: list(logs.glob("A1*.log")))[0]
        project.wait("the flood", lambda: log.stat().st_size > MEBI)
        runner = psutil.Process(project.of_role("runner")[0].pid)
        began, first, before = time.monotonic(), log.stat().st_size, runner.memory_info().rss
        while time.monotonic() - began < 1.5:
            assert len(project.run("logs", "A1", "--tail", "3").stdout) >= 300  # three lines, and what came meanwhile
            assert project.row("A1")["state"] == "running"
        rate = (log.stat().st_size - first) / (time.monotonic() - began) / MEBI
        after = runner.memory_info().rss
        began = time.monotonic()
        project.run("stop", "A1", "--grace", "0")
        assert time.monotonic() - began < 30  # far less than the usual grace, on a busy machine too
        _gone(project)
    print(f"\n{rate:.0f} MB/s into the log; the runner took {before / MEBI:.1f}, then {after / MEBI:.1f} MiB")
    assert rate > 50
    assert after < 40 * MEBI
    assert after - before < MEBI


def test_a_log_of_all_bytes_there_are(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(behaviour=",".join(f"{name}=binary" for name in ("Baseline", "A1", "A2")))
    project.run("--all", "--slots", "2")
    assert_true_state(project)
    assert_same_results(project, undisturbed_stand_ins)
    shown = project.run_bytes("logs", "A1")
    assert bytes(range(256)) * 100 in shown
    assert project.run_bytes("logs", "A1", "--tail", "1").startswith(b"Best test SRCC 0.")
    assert "completed" in project.run("status").stdout
    place = json.loads(project.run("logs", "A1", "--json").stdout)
    assert place["bytes"] == len(shown)
