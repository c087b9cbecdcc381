"""Stopping at the worst moments: what is stopped stays so, and nothing that waited starts in its place."""

import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import (
    FIVE,
    OPEN,
    FaultyProject,
    assert_same_results,
    faulty_project,
    pause_before_anything_starts,
    resume_and_freeze_the_first_runner,
)


def _nothing_more_happens(project: FaultyProject, lives: int | None = None) -> None:
    """No process is left but perhaps a scheduler that is about to see it, nothing waits, and no worker was born."""
    project.wait("no run lives", lambda: not project.of_role("worker") and not project.of_role("runner"), 10)
    states = {row["experiment"]: row["state"] for row in project.status()["runs"]}
    assert not set(states.values()) & OPEN, states
    before = _births(project) if lives is None else lives
    time.sleep(1.5)
    assert _births(project) == before, project.story()


def _births(project: FaultyProject) -> int:
    lives = project.witness / "lives"
    return len(lives.read_text().splitlines()) if lives.exists() else 0


@pytest.mark.slow
def test_ctrl_c_stops_what_runs_with_its_checkpoint_and_nothing_else_starts(make: Make) -> None:
    project = make(study=FIVE, seconds=0.2)
    command = project.start("--all", "--slots", "2", "--epochs", "8")
    project.wait_for_worker("A1")
    project.wait_for_worker("Baseline")
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=120)
    assert command.returncode == 130, out + err
    _nothing_more_happens(project, lives=2)
    for name in ("Baseline", "A1"):
        (ended,) = project.exits(name)
        assert ended is not None
        assert (ended["state"], ended["exit_code"], ended["requested"]) == ("killed", 6, True)
        assert (project.run_folder(name) / "checkpoints" / "last.json").exists()
    assert all(not project.attempts(name) for name in ("A2", "B1", "B2"))
    assert "Traceback" not in err
    done = project.run("--all", "--slots", "2", "--epochs", "8", "--resume")
    assert "completed" in done.stdout + done.stderr


@pytest.mark.parametrize("moment", ["queued", "launched"])
def test_ctrl_c_at_an_unlucky_moment(make: Make, moment: str) -> None:
    """The queue is written, no scheduler yet; or a runner is on its way and has not yet said so."""
    project = make(study=FIVE, seconds=0.2)
    command = project.start("--all", "--slots", "2")
    queue = project.folder / "runs" / "queue.json"
    project.wait("it is queued", queue.exists)
    if moment == "launched":
        project.wait("a runner", lambda: project.of_role("runner"))
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=120)
    assert command.returncode == 130
    _nothing_more_happens(project)


@pytest.mark.slow
def test_ctrl_c_at_any_moment(tmp_path: Path) -> None:
    """Of the first seconds. Before anything is queued, nothing is to be stopped."""

    def one(seed: int) -> None:
        with faulty_project(tmp_path / str(seed), FIVE, behaviour="*=hold", seconds=0.02) as project:
            command = project.start("--all", "--slots", "2")
            time.sleep(random.Random(seed).uniform(0.2, 2.5))
            command.send_signal(signal.SIGINT)
            out, err = command.communicate(timeout=120)
            if (project.folder / "runs").exists():  # else some library was still being imported
                assert command.returncode == 130, out + err
            _nothing_more_happens(project)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(32)))
    print("\n32 studies interrupted at random instants of their first seconds; nothing ran or waited afterwards")


def test_stop_while_a_runner_is_on_its_way(make: Make) -> None:
    """It was started before the stop, and gets to its attempt after it: too late."""
    project = make(seconds=0.2)
    frozen = resume_and_freeze_the_first_runner(project, pause_before_anything_starts(project))
    project.run("stop", "--all")
    os.kill(frozen, signal.SIGCONT)
    _nothing_more_happens(project)
    assert not project.attempts("Baseline")


def test_remove_while_a_runner_is_on_its_way(make: Make) -> None:
    project = make(seconds=0.2)
    frozen = resume_and_freeze_the_first_runner(project, pause_before_anything_starts(project))
    project.run("queue", "remove", "Baseline")
    os.kill(frozen, signal.SIGCONT)
    time.sleep(1)
    assert not project.attempts("Baseline"), "it is not wanted any more"


def test_a_worker_without_a_runner_is_stopped_and_not_tried_again(make: Make) -> None:
    """It has not even begun to listen for signals: TERM ends it as any process, which looks like an accident."""
    project = make(behaviour="A1=slow-start:60")
    project.run("--exp", "A1", "--detach")
    project.wait("a worker", lambda: project.of_role("worker"))  # runner.json is older than its worker
    for runner in project.of_role("runner"):
        runner.kill()
    project.run("stop", "A1")
    project.wait("all has ended", lambda: not project.living())
    row = project.row("A1")
    assert (row["state"], row["attempt"]) == ("stopped", 1)
    assert "stopped on request" in row["reason"]


def test_a_worker_whose_runner_reported_nothing_can_be_stopped(make: Make) -> None:
    """The runner was killed after it had started its worker and before it wrote who that is."""
    project = make(behaviour="A1=deaf")
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    project.wait_for_worker("A1")
    for process in [*project.of_role("scheduler"), *project.of_role("runner")]:
        process.kill()
    (attempt,) = project.attempts("A1")
    (attempt / "runner.json").unlink()
    assert project.row("A1")["state"] == "running"
    project.run("stop", "A1", "--grace", "1")
    project.wait("all has ended", lambda: not project.living())
    assert project.row("A1")["state"] == "stopped"


def test_a_run_in_a_terminal_is_stopped_from_another(make: Make) -> None:
    project = make(behaviour="A1=hold")
    command = project.start("--exp", "A1")
    project.wait_for_worker("A1")
    assert "stopped on request" in project.run("stop", "A1").stdout
    _, err = command.communicate(timeout=60)
    assert command.returncode == 130, err


@pytest.mark.slow
def test_commands_that_change_the_queue_are_killed(make: Make, undisturbed_five: FaultyProject) -> None:
    """At random instants, two at a time: the queue stays whole, and what it says is done."""
    rng = random.Random(11)
    project = make(study=FIVE, behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "1", "--epochs", "12")
    killed = 0
    for _ in range(60):
        words = ["pause"], ["resume"], ["move", "B2", "--to", "2"], ["move", "A2", "--to", "4"], ["policy", "greedy"]
        commands = [project.start("queue", *rng.choice(words)) for _ in range(2)]
        time.sleep(rng.uniform(0, 0.15))
        for command in commands:
            killed += command.poll() is None
            command.kill()
            command.communicate()
        told = json.loads(project.run("queue", "--json").stdout)
        assert sorted(item["experiment"] for item in told["items"]) == ["A1", "A2", "B1", "B2", "Baseline"]
    project.let_go()
    project.run("queue", "resume")
    assert {row["state"] for row in project.wait_until_settled(60)["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_five)
    print(f"\n{killed} commands killed while they changed the queue, nothing lost")


def test_term_ends_the_scheduler_and_no_run(make: Make) -> None:
    project = make()
    project.run("--all", "--detach", "--slots", "2", "--epochs", "100000")
    worker = project.wait_for_worker("A1")
    (scheduler,) = project.of_role("scheduler")
    os.kill(scheduler.pid, signal.SIGTERM)
    project.wait("it ends", lambda: scheduler not in project.living())
    assert worker in project.living()
    assert project.row("A1")["state"] == "running"
