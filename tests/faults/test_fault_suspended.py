"""SIGSTOP of each process at each instant: it is said, and what does not need the process continues."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, Process, assert_undoubled, pause_before_anything_starts
from tests.faults.fault_project import resume_and_freeze_the_first_runner as freeze_the_first_runner


def _suspend(process: Process) -> str:
    """Stop it; returns how others are to speak of that."""
    process.kill(signal.SIGSTOP)
    return f"(process {process.pid}); `kill -CONT {process.pid}` continues it"


def _the(project: FaultyProject, role: str) -> Process:
    (process,) = project.of_role(role)
    return process


def test_a_suspended_scheduler(make: Make) -> None:
    project = make(behaviour="*=hold")
    project.run("--all", "--detach", "--slots", "1")
    project.wait_for_worker("Baseline")
    words = f"the scheduler is suspended {_suspend(scheduler := _the(project, 'scheduler'))}"
    row = project.row("A1")
    assert (row["state"], row["reason"], row["eta_s"]) == ("queued", words, None)
    for command in (("queue", "resume"), ("--exp", "A1", "--detach", "--epochs", "5")):
        assert words in project.run(*command, code=1).stderr
    assert words in " ".join(project.run("doctor").stdout.split())
    project.let_go()
    project.wait("the run needs none", lambda: project.row("Baseline")["state"] == "completed")
    scheduler.kill(signal.SIGCONT)
    told = project.wait_until_settled()
    assert {row["state"] for row in told["runs"]} == {"completed"}
    assert len(told["runs"]) == 4  # what was queued meanwhile, too
    assert_undoubled(project)


def test_a_suspended_worker(make: Make) -> None:
    project = make()
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    worker = project.wait_for_worker("A1")
    words = _suspend(worker)
    row = project.row("A1")
    assert row["reason"].startswith("suspended since about ")
    assert row["reason"].endswith(words)
    assert (row["state"], row["eta_s"], row["pid"]) == ("suspended", None, worker.pid)
    stopped = project.run("stop", "A1", timeout=120).stdout  # far less than its grace
    assert "stopped on request; --resume continues" in stopped


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "continued"])
def test_a_suspended_runner(make: Make, stop: bool) -> None:
    project = make(behaviour="*=hold")
    project.run("--exp", "A1", "--detach")
    worker = project.wait_for_worker("A1")
    words = _suspend(runner := _the(project, "runner"))
    row = project.row("A1")
    assert row["reason"].startswith("the worker continues, but its runner is suspended since about ")
    assert row["reason"].endswith(words)
    assert row["pid"] == worker.pid
    if stop:
        assert "stopped on request" in project.run("stop", "A1", timeout=120).stdout
        return
    project.let_go()
    project.wait("the worker ends", lambda: not project.of_role("worker"))
    row = project.row("A1")
    assert (row["state"], row["eta_s"], row["pid"]) == ("suspended", None, None)
    assert row["reason"].endswith(words)
    runner.kill(signal.SIGCONT)
    assert project.wait_until_settled()["runs"][0]["state"] == "completed"


def test_a_runner_that_is_suspended_at_its_birth(make: Make) -> None:
    """Before it has taken a lock or written a word."""
    project = make(seconds=0.01)
    runner = freeze_the_first_runner(project, pause_before_anything_starts(project))
    words = f"cannot be started: its runner is suspended (process {runner}); `kill -CONT {runner}` continues it"

    def said() -> bool:
        return words in [row["reason"] for row in project.status()["runs"]]

    project.wait("it is said", said)
    project.wait("another run is made", lambda: any(row["state"] == "completed" for row in project.status()["runs"]))
    os.kill(runner, signal.SIGCONT)
    told = project.wait_until_settled()
    assert {row["state"] for row in told["runs"]} == {"completed"}
    assert json.loads((project.folder / "runs" / "queue.json").read_text())["items"]
    assert_undoubled(project)


def test_stop_wakes_a_suspended_worker_without_a_runner(make: Make) -> None:
    project = make()
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    worker = project.wait_for_worker("A1")
    for role in ("scheduler", "runner"):
        _the(project, role).kill()
    project.wait("it is gone", lambda: not project.of_role("runner"))
    words = _suspend(worker)
    assert project.row("A1")["reason"].endswith(words)
    assert "stopped on request" in project.run("stop", "A1", timeout=120).stdout


@pytest.mark.parametrize("instant", ["before its worker", "before it writes its worker down"])
def test_a_runner_killed_before_its_worker_is_written_down(make: Make, instant: str) -> None:
    """What its worker has started is found and killed, and the run is made again."""
    project = make(behaviour="A1=grandchild@1")
    project.run("--exp", "A1", "--detach", "--epochs", "400")
    worker = project.wait_for_worker("A1")
    file = project.attempts("A1")[0] / "runner.json"
    written = json.loads(file.read_text())
    _the(project, "runner").kill()
    file.write_text(json.dumps(written | {"worker": None}))  # as it was in that instant
    if instant == "before it writes its worker down":
        row = project.row("A1")
        assert (row["reason"], row["pid"]) == ("its runner has ended; the worker continues", worker.pid)
    worker.kill()
    project.wait("another attempt", lambda: len(project.attempts("A1")) == 2)
    log = Path(project.folder / "runs" / "scheduler.log").read_text()
    assert "runner and worker have ended; the processes that they started are killed" in log
    project.run("stop", "A1")
    project.wait("nothing is left", lambda: not project.of_role("worker") and not project.of_role("other"))
