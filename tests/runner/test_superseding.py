"""An attempt that may replace one which is alive: it begins, and the other ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.conftest import Make
from tests.faults.conftest import make as make  # noqa: PLC0414 (a fixture)
from tests.faults.fault_project import FaultyProject, Process

_ATTEMPT = """
import sys
from pathlib import Path
from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import Holder, acquire
from iqa_train.runner.run_lock import AlreadyRunningError
from iqa_train.runner.runner import AttemptRequest, run_attempt
from iqa_train.runs.layout import RunFolder

run, number, slot = RunFolder(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
device = Device("cpu", int(slot), f"cpu-{slot}", "CPU")
lease = acquire(device.key, Holder(run.experiment, run.study, "", str(run.path)))
before = number - 1 if len(sys.argv) > 4 else None
request = AttemptRequest(run, device, lease, Path("logs"), [], attempt=number, resume=True, supersedes=before)
try:
    print(run_attempt(request).reason)
except AlreadyRunningError as error:
    sys.exit(str(error))
"""


def start_attempt(project: FaultyProject, number: int, *words: str) -> "subprocess.Popen[str]":
    """Attempt `number` at A1 on a CPU slot of its own; with a word, one that may supersede the attempt before it."""
    return subprocess.Popen(
        [sys.executable, "-c", _ATTEMPT, str(project.run_folder("A1")), str(number), str(number), *words],
        cwd=project.folder, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


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
        wrong = start_attempt(project, 3 if words else 2, *words)
        assert "running already" in wrong.communicate(timeout=60)[1]
        assert wrong.returncode == 1
    second = start_attempt(project, 2, "superseding")
    assert second.wait(timeout=60) == 0, second.communicate()
    assert project.row("A1")["state"] == "completed"
    late = start_attempt(project, 2, "superseding")
    assert "made by another runner" in late.communicate(timeout=60)[1]
    os.kill(command.pid, signal.SIGCONT)
    command.communicate(timeout=60)
    first, other = project.exits("A1")
    assert first is not None
    assert other is not None
    assert (first["state"], first["exit_code"], first["interrupted"]) == ("killed", 8, True)
    assert first["reason"] == "superseded by attempt 2, which continues the run"
    assert other["state"] == "completed"
    assert project.living() == []


def test_the_run_is_seen_running_while_and_after_the_first_worker_is_left(make: Make) -> None:
    project = make(behaviour="A1=hold")
    command, worker = suspended_in_epoch_2(project)
    second = start_attempt(project, 2, "superseding")
    project.wait("both", lambda: len(project.of_role("worker")) == 2)
    project.wait("it works", lambda: project.row("A1")["state"] == "running")
    refused = start_attempt(project, 3)
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
