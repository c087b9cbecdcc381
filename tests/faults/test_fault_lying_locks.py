"""On a file system whose locks do nothing: one scheduler and one attempt at a time, by other things than locks."""

import time
from pathlib import Path

import pytest

from tests.false_host import false_host
from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_same_results, assert_undoubled
from tests.faults.test_fault_two_at_once import _paused, _race_of_runners, _race_of_schedulers


@pytest.fixture
def lying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes started from now on, flock succeeds and locks nothing in the runs folder of the project."""
    monkeypatch.setenv("LD_PRELOAD", false_host(tmp_path))
    monkeypatch.setenv("FAKE_LYING_LOCKS", f"{tmp_path.resolve()}/project-0/runs")


@pytest.mark.slow
@pytest.mark.usefixtures("lying")
def test_schedulers_at_once_where_locks_lie(make: Make) -> None:
    project = make()
    _paused(project)
    for _ in range(5):
        _race_of_schedulers(project, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("lying")
def test_runners_at_once_where_locks_lie(make: Make) -> None:
    _race_of_runners(make(behaviour="A1=die:9", seconds=0.02), 4, 3)


@pytest.mark.slow
@pytest.mark.usefixtures("lying")
def test_a_study_where_locks_lie(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(behaviour="*=hold", seconds=0.05)
    project.run("--all", "--slots", "2", "--policy", "greedy", "--detach")
    worker = project.wait_for_worker("Baseline")
    (scheduler,) = project.of_role("scheduler")
    assert project.row("Baseline")["state"] == "running"
    project.run("queue", "resume")
    assert project.of_role("scheduler") == [scheduler]
    worker.kill()
    scheduler.kill()
    project.let_go()
    project.run("queue", "resume")
    project.wait_until_settled()
    time.sleep(1)
    assert {row["state"] for row in project.status()["runs"]} == {"completed"}
    assert_undoubled(project)
    assert_same_results(project, undisturbed_stand_ins)
