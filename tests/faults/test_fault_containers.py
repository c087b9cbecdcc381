"""Two containers with one host name on one runs folder, in real namespaces; and a host that changes its name."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import PROGRAM
from tests.faults.conftest import Make
from tests.faults.fault_project import ALIVE, FaultyProject, assert_undoubled

INSIDE = "in another container of this machine"


def _unshared(project: FaultyProject, options: list[str], script: str, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["unshare", *options, "sh", "-c", script, "sh", *words], cwd=project.folder, env=project.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@contextmanager
def container(project: FaultyProject, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A container in which iqa-train has been run with these words; it ends with its first process, and all in it."""
    options = ["--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces may be made here")
    started = _unshared(project, options, '"$@" && echo up && exec sleep 600', *PROGRAM, *words)
    try:
        assert started.stdout is not None
        assert any(line == "up\n" for line in started.stdout), "it ended"
        yield started
    finally:
        started.kill()
        started.communicate()


def test_a_run_in_another_container_is_neither_stopped_nor_started_again(make: Make) -> None:
    project = make(seconds=0.05)
    with container(project, "--exp", "A1", "--detach", "--epochs", "100000"):
        worker = project.wait_for_worker("A1")
        row = project.row("A1")
        assert (row["state"], row["pid"]) == ("running", None)
        assert row["reason"].startswith(INSIDE)
        refused = project.run("stop", "A1", code=1)
        assert f"runs {INSIDE}" in refused.stdout
        assert "stop it there" in refused.stdout
        assert "is running" in project.run("relaunch", "A1", code=2).stderr
        again = ("--exp", "A1", "--again", "--epochs", "100000")
        assert "is running already in another container" in project.run(*again, code=1, timeout=20).stderr
        project.run("queue", "resume")
        epochs = len(project.epochs("A1"))
        project.wait("it goes on", lambda: len(project.epochs("A1")) > epochs + 60)  # 3 s: more than a scheduler's look
        assert project.of_role("worker") == [worker]
        assert len(project.attempts("A1")) == 1
    assert_undoubled(project)


def test_a_container_that_was_killed_is_waited_for_and_then_replaced(make: Make) -> None:
    project = make(seconds=0.05)
    with container(project, "--exp", "A1", "--detach", "--epochs", "100000"):
        project.wait_for_worker("A1")
    project.wait("it is gone", lambda: not project.of_role("worker"))
    (attempt,) = project.attempts("A1")
    assert project.row("A1")["reason"].startswith(INSIDE), "its lock says nothing of a mount of its own"
    refused = project.run("queue", "resume", code=1).stderr  # its scheduler, too, may be alive there
    assert "try again 90 s after that" in refused
    assert project.of_role("scheduler") == []
    then = time.time() - 600
    for path in (*attempt.iterdir(), project.folder / "runs" / "scheduler.json"):
        os.utime(path, (then, then))
    assert "the last sign of life from another container" in project.row("A1")["reason"]
    project.run("queue", "resume")
    project.wait("another attempt", lambda: len(project.attempts("A1")) == 2 and project.row("A1")["state"] in ALIVE)
    assert_undoubled(project)


def test_the_scheduler_of_another_container_keeps_its_post(make: Make) -> None:
    project = make(seconds=0.05)
    with container(project, "--all", "--slots", "1", "--detach", "--epochs", "100000"):
        project.wait_for_worker("Baseline")
        (scheduler,) = project.of_role("scheduler")
        assert project.status()["scheduler"]["namespace"] != os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
        project.run("queue", "resume")
        time.sleep(1.0)
        assert project.of_role("scheduler") == [scheduler]
        assert INSIDE in " ".join(project.run("doctor").stdout.split())


def test_a_host_that_changes_its_name_keeps_its_runs(make: Make) -> None:
    """As a laptop does in another network. A name of this machine's own is not touched."""
    project = make(seconds=0.05)
    project.run("--exp", "A1", "--detach", "--epochs", "100000")
    worker = project.wait_for_worker("A1")
    script = 'hostname renamed && "$@" status --json && "$@" stop A1'
    told = _unshared(project, ["--uts"], script, *PROGRAM).communicate(timeout=60)[0]
    if "Operation not permitted" in told:
        pytest.skip("no namespaces may be made here")
    assert f'"pid": {worker.pid}' in told
    assert "stopped on request" in told
    assert project.row("A1")["state"] == "stopped"
