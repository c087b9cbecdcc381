"""An attempt that may replace one which is alive: it begins, and the other ends."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from iqa_train.files import read_lines
from tests.faults.conftest import Make
from tests.faults.conftest import make as make  # noqa: PLC0414 (a fixture)
from tests.faults.fault_project import FaultyProject, Process
from tests.faults.superseding import contents, start_attempt


def suspended_in_epoch_2(project: FaultyProject) -> tuple["subprocess.Popen[str]", Process]:
    """The command that runs A1, and its worker; both stopped as if their host had been given up."""
    command = project.start("--exp", "A1", "--slots", "1")
    worker = project.wait_for_worker("A1")
    os.kill(command.pid, signal.SIGSTOP)
    worker.kill(signal.SIGSTOP)
    return command, worker


def test_only_an_entitled_attempt_begins_beside_a_living_one(make: Make) -> None:
    project = make(behaviour="A1=hold@1")
    command, _ = suspended_in_epoch_2(project)
    for words in ((), ("superseding",)):
        wrong = start_attempt(project, "A1", 3 if words else 2, *words)
        assert "running already" in wrong.communicate(timeout=60)[1]
        assert wrong.returncode == 1
    second = start_attempt(project, "A1", 2, "superseding")
    assert second.wait(timeout=60) == 0, second.communicate()
    assert project.row("A1")["state"] == "completed"
    late = start_attempt(project, "A1", 2, "superseding")
    assert "made by another runner" in late.communicate(timeout=60)[1]
    os.kill(command.pid, signal.SIGCONT)
    assert command.communicate(timeout=60)[1].endswith("A1: killed: superseded by attempt 2, which continues the run\n")
    first, other = project.exits("A1")
    assert first is not None
    assert other is not None
    assert (first["state"], first["exit_code"], first["interrupted"]) == ("killed", 8, False)
    assert first["reason"] == "superseded by attempt 2, which continues the run"
    assert other["state"] == "completed"
    assert project.living() == []


def test_of_two_that_found_the_same_attempt_due_one_makes_it_and_the_other_no_further_one(make: Make) -> None:
    """As where locks lie, so that both get the lock."""
    project = make(behaviour="A1=die:9")
    project.run("--exp", "A1", "--slots", "1", code=1)
    late = start_attempt(project, "A1", 2, "overtaken")
    assert "attempt 2 of " in (error := late.communicate(timeout=60)[1])
    assert "made by another runner" in error
    assert [path.name for path in project.attempts("A1")] == ["attempt-01", "attempt-02"]
    assert len(list((project.folder / "logs").iterdir())) == 1


@pytest.mark.slow
def test_an_attempt_that_starts_over_sets_aside_what_the_living_one_has_written(make: Make) -> None:
    project = make(behaviour="A1=hold@1")
    command, worker = suspended_in_epoch_2(project)
    second = start_attempt(project, "A1", 2, "superseding", "again")
    assert second.wait(timeout=60) == 0, second.communicate()
    run = project.run_folder("A1")
    before = contents(run)
    command.kill()
    worker.kill(signal.SIGCONT)
    project.let_go()
    project.wait("it has ended", lambda: not project.living())
    assert contents(run) == before
    assert [event["code"] for event in read_lines(run / "attempt-01" / "metrics.jsonl") if "code" in event] == [8]
    assert (run / "attempt-01" / "checkpoints").is_dir()
    assert project.row("A1")["state"] == "completed"
    command.communicate()


@pytest.mark.slow
def test_the_run_is_seen_running_while_and_after_the_first_worker_is_left(make: Make) -> None:
    project = make(behaviour="A1=hold")
    command, worker = suspended_in_epoch_2(project)
    second = start_attempt(project, "A1", 2, "superseding")
    project.wait("both", lambda: len(project.of_role("worker")) == 2)
    project.wait("it works", lambda: project.row("A1")["state"] == "running")
    refused = start_attempt(project, "A1", 3)
    assert "running already" in refused.communicate(timeout=60)[1]
    os.kill(command.pid, signal.SIGKILL)
    worker.kill()
    project.wait("one is left", lambda: len(project.of_role("worker")) == 1)
    row = project.row("A1")
    assert (row["state"], row["attempt"], row["pid"]) == ("running", 2, project.of_role("worker")[0].pid)
    project.let_go()
    assert second.wait(timeout=60) == 0, second.communicate()
    command.communicate()
    assert not list(Path(project.run_folder("A1")).glob(".lock*"))
    assert json.loads((project.run_folder("A1") / "result.json").read_text())["rounds"]
