"""Files that name processes of another time, place or clock: no stranger is taken for a run, no run for a stranger."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_same_results, assert_true_state

DAY = 86400.0


def _left_behind(project: FaultyProject) -> Path:
    """A run of A1 whose processes were all killed after an epoch; its runner.json."""
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    project.wait_for_worker("A1")
    for process in [*project.of_role("scheduler"), *project.of_role("runner"), *project.of_role("worker")]:
        process.kill()
    project.wait("all are gone", lambda: not project.living())
    (attempt,) = project.attempts("A1")
    return attempt / "runner.json"


OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


def _fall_silent(attempt: Path) -> None:
    """Let the last sign of life of an attempt be ten minutes old."""
    for name in ("heartbeat", "runner.json", "metrics.jsonl"):
        os.utime(attempt / name, (time.time() - 600, time.time() - 600))


def _rewrite(path: Path, **facts: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_pids_that_other_processes_have_now(make: Make) -> None:
    project = make()
    runner = _left_behind(project)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        facts = json.loads(runner.read_text())
        _rewrite(runner, **{role: facts[role] | {"pid": stranger.pid} for role in ("runner", "worker")})
        row = project.row("A1")
        assert row["state"] == "retrying"
        assert "attempt 1 was lost: its processes died without recording an exit" in row["reason"]
        assert row["pid"] is None
        project.run("stop", "A1")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stranger_with_the_pid_of_a_runner_that_was_killed(make: Make) -> None:
    """The worker lives on: it, and nobody else, is asked to stop."""
    project = make()
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    worker = project.wait_for_worker("A1")
    for process in [*project.of_role("scheduler"), *project.of_role("runner")]:
        process.kill()
    (attempt,) = project.attempts("A1")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        facts = json.loads((attempt / "runner.json").read_text())
        _rewrite(attempt / "runner.json", runner=facts["runner"] | {"pid": stranger.pid})
        row = project.row("A1")
        assert (row["state"], row["reason"]) == ("running", "its runner has ended; the worker continues")
        project.run("stop", "A1")
        assert stranger.poll() is None
        assert worker not in project.living()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_boot_that_was_another(make: Make) -> None:
    project = make(seconds=0.01)
    runner = _left_behind(project)
    project.run("queue", "pause")
    _rewrite(runner, boot_id=OTHER_BOOT)
    row = project.row("A1")  # as far as anybody can see, another host of this name may work on it
    assert (row["state"], row["reason"]) == ("running", f"on another host named {socket.gethostname()}")
    _fall_silent(runner.parent)
    row = project.row("A1")
    assert "attempt 1 was lost: host rebooted" in row["reason"]
    assert row["pid"] is None
    project.run("queue", "resume")
    project.wait("another attempt", lambda: len(project.attempts("A1")) == 2)


def test_a_run_on_another_host(make: Make) -> None:
    """Its sign of life is young: it runs there. It falls silent: it is lost, and tried again here."""
    project = make(seconds=0.01)
    runner = _left_behind(project)
    project.run("queue", "pause")
    _rewrite(runner, host="elsewhere", boot_id=OTHER_BOOT)
    heartbeat = runner.with_name("heartbeat")
    heartbeat.touch()
    row = project.row("A1")
    assert (row["state"], row["reason"], row["pid"]) == ("running", "on host elsewhere", None)
    refused = project.run("stop", "A1", code=1)
    assert "runs on host elsewhere; stop it there" in refused.stdout
    assert "running" in project.run("relaunch", "A1", code=2).stderr
    project.run("queue", "resume")
    time.sleep(2.5)
    assert len(project.attempts("A1")) == 1
    _fall_silent(runner.parent)
    project.wait("another attempt", lambda: len(project.attempts("A1")) == 2)
    assert project.row("A1")["state"] in {"starting", "running"}


def test_a_scheduler_on_another_host(make: Make) -> None:
    project = make()
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    project.wait_for_worker("A1")
    sign = project.folder / "runs" / "scheduler.json"
    facts = json.loads(sign.read_text())
    for process in project.of_role("scheduler"):
        process.kill()
    project.run("stop", "A1")
    sign.write_text(json.dumps(facts | {"host": "elsewhere", "boot_id": OTHER_BOOT}))
    assert project.status()["scheduler"]["host"] == "elsewhere"
    project.run("relaunch", "A1", code=1)
    assert "a scheduler on host elsewhere works on " in (sign.with_name("scheduler.log")).read_text()
    os.utime(sign, (time.time() - 600, time.time() - 600))
    assert project.status()["scheduler"] is None
    project.run("queue", "resume")
    project.wait("another attempt", lambda: len(project.attempts("A1")) == 2)


def test_the_times_of_a_living_runs_files_say_nothing(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    """As a clock that jumped would leave them."""
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    for then in (time.time() - 400 * DAY, time.time() + 400 * DAY):
        for path in [*(project.folder / "runs").rglob("*"), *(project.folder / "leases").iterdir()]:
            os.utime(path, (then, then))
        assert_true_state(project)
        assert project.row("A1")["state"] == "running"
    project.let_go()
    told = project.wait_until_settled()
    assert {(row["state"], row["attempt"]) for row in told["runs"]} == {("completed", 1)}
    assert_same_results(project, undisturbed_stand_ins)


def test_boot_namespace_pid_and_start_are_written_down(make: Make) -> None:
    project = make()
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    project.wait_for_worker("A1")
    (attempt,) = project.attempts("A1")
    facts = json.loads((attempt / "runner.json").read_text())
    assert facts["host"] == socket.gethostname()
    assert facts["pid_namespace"] == Path("/proc/self/ns/pid").stat().st_ino
    assert facts["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for role in ("runner", "worker"):
        (process,) = project.of_role(role)
        assert facts[role]["pid"] == process.pid
        assert facts[role]["created"] == int(Path(f"/proc/{process.pid}/stat").read_text().split(") ")[1].split()[19])
    os.kill(facts["runner"]["pid"], signal.SIGTERM)
    project.wait("it stops", lambda: not project.of_role("worker"))
