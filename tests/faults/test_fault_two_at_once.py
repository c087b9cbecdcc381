"""Two schedulers for one queue, two runners for one attempt, started at the same instant: one works, one leaves."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import (
    BUSY,
    FaultyProject,
    assert_same_results,
    assert_undoubled,
    faulty_project,
    pause_before_anything_starts,
    resume_and_freeze_the_first_runner,
    start_runner,
)


def _race_of_schedulers(project: FaultyProject, count: int) -> None:
    """Start so many at once over a queue that is paused, so that the one that works stays; then kill it."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "iqa_train.scheduler.scheduler", "runs"],
            cwd=project.folder, env=project.environment(), stdout=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while sum(process.poll() is None for process in started) > 1:
            assert time.monotonic() < deadline, "more than one stay"
            time.sleep(0.02)
        (one,) = [process for process in started if process.poll() is None]
        assert [process.returncode for process in started if process is not one] == [0] * (count - 1)
        told = project.wait("it has said who it is", lambda: project.status()["scheduler"], 3)
        assert told["pid"] == one.pid
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert project.status()["scheduler"] is None


def _paused(project: FaultyProject) -> None:
    """With a queue in which something waits, and no scheduler."""
    pause_before_anything_starts(project).kill()
    project.wait("it is gone", lambda: not project.living())


def test_two_schedulers_at_once(make: Make) -> None:
    project = make()
    _paused(project)
    for _ in range(10):
        _race_of_schedulers(project, 2)
    assert all(not project.attempts(name) for name in ("Baseline", "A1", "A2"))


@pytest.mark.slow
def test_two_schedulers_at_once_fifty_times(tmp_path: Path) -> None:
    """In four projects side by side, 13 times each; every fourth time it is four at once."""

    def one(number: int) -> None:
        with faulty_project(tmp_path / str(number)) as project:
            _paused(project)
            for k in range(13):
                _race_of_schedulers(project, 4 if k % 4 == 3 else 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    print("\n52 times two or four schedulers at once: one worked each time")


@pytest.mark.slow
def test_one_study_requested_in_three_terminals_at_once(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(seconds=0.1)
    commands = [project.start("--all", "--slots", "2") for _ in range(3)]
    for command in commands:
        out, err = command.communicate(timeout=60)
        assert command.returncode == 0, out + err
    told = project.status()["runs"]
    assert {(row["state"], row["attempt"]) for row in told} == {("completed", 1)}
    assert_undoubled(project)
    assert_same_results(project, undisturbed_stand_ins)


def test_a_scheduler_killed_between_starting_a_runner_and_its_attempt(
    make: Make, undisturbed_stand_ins: FaultyProject
) -> None:
    """The next scheduler starts another runner for the same attempt; the first, held up till then, comes too late."""
    project = make(behaviour="*=hold", seconds=0.02)
    scheduler = pause_before_anything_starts(project)
    frozen = resume_and_freeze_the_first_runner(project, scheduler)
    scheduler.kill()
    project.run("queue", "resume")
    project.wait_for_worker("Baseline")
    os.kill(frozen, signal.SIGCONT)
    time.sleep(1)  # time enough to do what it should not
    project.let_go()
    told = project.wait_until_settled()
    assert {(row["state"], row["attempt"]) for row in told["runs"]} == {("completed", 1)}
    assert_undoubled(project)
    assert_same_results(project, undisturbed_stand_ins)


def _race_of_runners(project: FaultyProject, attempts: int, count: int) -> None:
    """For each attempt so many runners at once, on devices of their own; the attempt ends by a kill of its worker.

    Every third time the first of them gets away a moment earlier, so that it may be done before the others look.
    """
    _paused(project)
    for number in range(1, attempts + 1):
        started = []
        for slot in range(count):
            started.append(start_runner(project, "A1", slot, number))
            if slot == 0 and number % 3 == 0:
                time.sleep(0.15)
        codes = [process.wait(timeout=120) for process in started]
        assert sorted(codes) == [0, *[BUSY] * (count - 1)], codes
        assert [path.name for path in project.attempts("A1")] == [f"attempt-{n:02d}" for n in range(1, number + 1)]
    lives = (project.witness / "lives").read_text().splitlines()
    assert len(lives) == attempts
    assert_undoubled(project)


def test_runners_for_one_attempt_at_once(make: Make) -> None:
    _race_of_runners(make(behaviour="A1=die:9", seconds=0.02), 4, 3)


@pytest.mark.slow
def test_runners_for_one_attempt_at_once_many_times(tmp_path: Path) -> None:
    def one(number: int) -> None:
        with faulty_project(tmp_path / str(number), behaviour="A1=die:9", seconds=0.02) as project:
            _race_of_runners(project, 15, 4)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    print("\n60 times four runners at once for one attempt: it was made once each time")


def test_runs_of_one_experiment_that_start_in_the_same_second_get_logs_of_their_own(make: Make) -> None:
    project = make(seconds=0.05)
    project.run("--exp", "A1", "--seeds", *"123456", "--detach", "--slots", "6", "--policy", "greedy")
    project.wait_until_settled()
    log = (project.folder / "runs" / "scheduler.log").read_text()
    assert "could not begin" not in log, log
    assert len(list((project.folder / "logs").glob("A1*.log"))) == 6
