"""[local] at work: a real scheduler and real processes of another user on the GPUs of a fake driver."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from iqa_train.runner.yield_to_others import CONFIRMATION, Presence
from tests.conftest import STUDY
from tests.fakes.nvml import UUIDS, FakeDriver, has_real_library
from tests.faults.fault_project import FaultyProject, clear, faulty_project

NOBODY = 65534
LIMIT = 60.0  # seconds in which a GPU must be free for another user

pytestmark = pytest.mark.skipif(has_real_library(), reason="this machine has an NVIDIA driver of its own")


@dataclass(frozen=True)
class SharedServer(FaultyProject):
    """A project on a machine with two GPUs, on which other users' processes turn up."""

    driver: FakeDriver = field(kw_only=True)
    leases: Path = field(kw_only=True)

    def environment(self) -> dict[str, str]:
        own = {key: value for key, value in super().environment().items() if key != "CUDA_VISIBLE_DEVICES"}
        fake = self.driver.environment()
        mine = {key: fake[key] for key in ("LD_LIBRARY_PATH", "FAKE_NVML_STATE", "FAKE_NVML_CALLS")}
        return own | mine | {"IQA_TRAIN_LEASES": str(self.leases)}

    def on_gpu(self, gpu: int, *pids: int) -> None:
        """Have the driver list these processes, and no other, on a GPU."""
        self.driver.set({f"{gpu}.processes": " ".join(f"{pid}:1000000000" for pid in pids)})

    def ended(self, experiment: str, attempt: int) -> dict[str, Any]:
        """How an attempt ended, once it has."""

        def found() -> dict[str, Any] | None:
            exits = self.exits(experiment)
            return exits[attempt - 1] if len(exits) >= attempt else None

        told: dict[str, Any] = self.wait(f"{experiment} has ended attempt {attempt}", found, 120)
        return told

    def wait(self, what: str, until: Callable[[], Any], seconds: float = 120.0) -> Any:
        """As ever, with more patience: where cores are scarce, a command alone takes a minute to start a run."""
        return super().wait(what, until, seconds)

    def wait_for_looks(self, count: int = 4) -> None:
        """Until the driver has been asked so many times more."""
        before = self.driver.calls("nvmlDeviceGetCount_v2")
        self.wait("the GPUs are looked at", lambda: self.driver.calls("nvmlDeviceGetCount_v2") >= before + count)

    def is_gone(self, pid: int) -> bool:
        """Whether there is no such process."""
        return not Path(f"/proc/{pid}").exists()


@contextmanager
def shared_server(
    folder: Path, local: str = "", driver: FakeDriver | None = None, leases: Path | None = None, **wishes: Any
) -> Iterator[SharedServer]:
    folder.mkdir(parents=True, exist_ok=True)
    with faulty_project(folder, STUDY + (f"\n[local]\n{local}\n" if local else "")) as made:
        project = SharedServer(
            made.folder, driver=driver or FakeDriver(folder), leases=leases or folder / "leases", **wishes
        )
        try:
            yield project
        finally:
            clear(project)


@contextmanager
def alice(folder: Path = Path("/")) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of another user."""
    if os.getuid() != 0:
        pytest.skip("only root can start another user's process")
    process = subprocess.Popen(["sleep", "600"], user=NOBODY, group=NOBODY, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def name_of(process: "subprocess.Popen[bytes]") -> str:
    return f"nobody (process {process.pid})"


def test_a_short_look_at_the_gpus_is_no_arrival() -> None:
    presence = Presence()
    assert not presence.confirmed(True, 0.0)
    assert not presence.confirmed(True, CONFIRMATION - 0.1)
    assert not presence.confirmed(False, CONFIRMATION)
    assert not presence.confirmed(True, CONFIRMATION + 1)
    assert presence.confirmed(True, 2 * CONFIRMATION + 1)


@pytest.mark.slow
def test_a_gpu_is_given_to_another_user_and_the_run_continues_when_it_is_free(tmp_path: Path) -> None:
    local = "gpu_order = [1]\nyield_to_others = true"
    with shared_server(tmp_path / "p", local, behaviour="A2=hold") as project, alice() as other:
        project.run("--exp", "A2", "--detach", "--retries", "0")
        worker = project.wait_for_worker("A2")
        project.on_gpu(1, worker.pid, other.pid)
        arrived = time.monotonic()
        ended = project.ended("A2", 1)
        assert time.monotonic() - arrived < LIMIT
        assert (ended["state"], ended["interrupted"]) == ("killed", True)
        assert ended["reason"] == f"gave GPU 1 to {name_of(other)}"
        assert project.is_gone(worker.pid)
        project.on_gpu(1, other.pid)
        reason = f"waiting for GPU 1, used by {name_of(other)}; attempt 1 was killed: gave GPU 1 to {name_of(other)}"
        project.wait("it waits", lambda: project.row("A2")["reason"] == reason)
        assert project.row("A2")["state"] == "queued"
        project.wait_for_looks()
        assert len(project.attempts("A2")) == 1
        project.on_gpu(1)
        project.let_go()
        told = project.wait_until_settled(120)
        assert told["runs"][0]["state"] == "completed"
        assert [event["epoch"] for event in project.epochs("A2")] == [1, 2, 3]
        assert len(project.attempts("A2")) == 2
        facts = json.loads((project.attempts("A2")[1] / "runner.json").read_text())
        assert (facts["device"]["label"], facts["resumed"]) == ("GPU 1", True)
        assert facts["local"]["yield_to_others"] is True


@pytest.mark.slow
def test_a_run_moves_to_another_gpu(tmp_path: Path) -> None:
    with shared_server(tmp_path / "p", "yield_to_others = true", behaviour="A2=hold@1") as project, alice() as other:
        project.run("--exp", "A2", "--detach")
        worker = project.wait_for_worker("A2")
        project.on_gpu(0, worker.pid, other.pid)
        project.ended("A2", 1)
        project.on_gpu(0, other.pid)
        assert project.wait_until_settled(120)["runs"][0]["state"] == "completed"
        assert json.loads((project.attempts("A2")[1] / "runner.json").read_text())["device"]["label"] == "GPU 1"
        project.run("queue", "clear")
        project.run("relaunch", "A2", "--again")  # as its last attempt was
        (queued,) = json.loads((project.folder / "runs" / "queue.json").read_text())["items"]
        assert queued["local"]["yield_to_others"] is True


@pytest.mark.slow
def test_a_deaf_worker_without_a_scheduler_frees_its_gpu_within_a_minute(tmp_path: Path) -> None:
    local = "gpu_order = [0]\nyield_to_others = true"
    with shared_server(tmp_path / "p", local, behaviour="A2=hold+deaf+grandchild") as project, alice() as other:
        project.run("--exp", "A2", "--detach")
        worker = project.wait_for_worker("A2")
        project.run("queue", "pause")
        for scheduler in project.of_role("scheduler"):
            scheduler.kill()
        tree = [worker.pid, *(child.pid for child in psutil.Process(worker.pid).children(recursive=True))]
        assert len(tree) == 2
        project.on_gpu(0, worker.pid, other.pid)
        arrived = time.monotonic()
        project.wait("nothing is left", lambda: all(map(project.is_gone, tree)), 90)
        assert time.monotonic() - arrived < LIMIT
        ended = project.ended("A2", 1)
        assert (ended["interrupted"], ended["signal"]) == (True, signal.SIGKILL)
        assert project.row("A2")["reason"].startswith("the queue is paused; attempt 1 was killed: gave GPU 0 to nobody")


@pytest.mark.slow
def test_without_the_wish_nothing_is_given_up(tmp_path: Path) -> None:
    with shared_server(tmp_path / "p", behaviour="A2=epoch:4") as project, alice() as other:
        project.run("--exp", "A2", "--detach", "--gpu", "0")
        worker = project.wait_for_worker("A2")
        project.on_gpu(0, worker.pid, other.pid)
        assert project.wait_until_settled()["runs"][0]["state"] == "completed"
        assert len(project.attempts("A2")) == 1


@pytest.mark.slow
def test_in_a_terminal_the_run_waits_and_continues(tmp_path: Path) -> None:
    with shared_server(tmp_path / "p", behaviour="A2=hold@1") as project, alice() as other:
        command = project.start("--exp", "A2", "--yield_to_others", "--gpu_order", "1", "--nice", "3")
        worker = project.wait_for_worker("A2")
        project.on_gpu(1, worker.pid, other.pid)
        project.ended("A2", 1)
        project.on_gpu(1, other.pid)
        project.wait_for_looks()
        assert command.poll() is None
        project.on_gpu(1)
        _, said = command.communicate(timeout=120)
        assert command.returncode == 0, said
        assert f"A2: gave GPU 1 to {name_of(other)}; it continues here when a GPU is free again" in said
        assert f"waiting for GPU 1, used by {name_of(other)}" in said
        assert len(project.attempts("A2")) == 2


@pytest.mark.slow
def test_ctrl_c_while_the_run_waits_in_a_terminal(tmp_path: Path) -> None:
    with shared_server(tmp_path / "p", behaviour="A2=hold@1") as project, alice() as other:
        command = project.start("--exp", "A2", "--yield_to_others", "--gpu_order", "1")
        worker = project.wait_for_worker("A2")
        project.on_gpu(1, worker.pid, other.pid)
        project.ended("A2", 1)
        project.on_gpu(1, other.pid)
        project.wait_for_looks()
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
        assert command.returncode == 130, said
        assert "stopped while it waited; the same command with --resume continues it" in said
        project.on_gpu(1)
        project.run("--exp", "A2", "--resume")
        assert [event["epoch"] for event in project.epochs("A2")] == [1, 2, 3]


@pytest.mark.slow
def test_workers_are_nice_and_nothing_else_is(tmp_path: Path) -> None:
    with shared_server(tmp_path / "p", "nice = 9", behaviour="*=hold+grandchild") as project:
        project.run("--exp", "Baseline", "--detach")
        project.run("--exp", "A1", "--detach", "--policy", "greedy", "--nice", "12")
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        for experiment, niceness in (("Baseline", 9), ("A1", 12)):
            worker = project.wait_for_worker(experiment)
            family = [worker.pid, *(child.pid for child in psutil.Process(worker.pid).children(recursive=True))]
            assert len(family) == 2
            assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in family} == {max(mine, niceness)}
        others = [*project.of_role("scheduler"), *project.of_role("runner")]
        assert {os.getpriority(os.PRIO_PROCESS, process.pid) for process in others} == {mine}
        project.let_go()
        project.wait_until_settled()


@pytest.mark.slow
def test_at_most_so_many_gpus_over_two_projects(tmp_path: Path) -> None:
    with shared_server(tmp_path / "one", behaviour="A2=hold") as one:
        one.run("--exp", "A2", "--detach")
        one.wait_for_worker("A2")
        with shared_server(tmp_path / "two", "max_gpus = 1", driver=one.driver, leases=one.leases) as two:
            two.run("--exp", "A1", "Baseline", "--detach", "--policy", "greedy")
            limited = "max_gpus = 1 is in use; waiting for GPU 0 (leased by A2)"
            two.wait("it waits", lambda: two.row("A1")["reason"] == limited)
            command = two.start("--exp", "A2")
            assert command.stderr is not None
            lines = iter(command.stderr.readline, "")
            assert any("another of your runs to end: max_gpus = 1 is in use" in line for line in lines)
            one.let_go()
            assert {row["state"] for row in two.wait_until_settled()["runs"]} == {"completed"}
            command.communicate(timeout=60)
            assert command.returncode == 0
            lives = [json.loads(line) for line in (two.witness / "lives").read_text().splitlines()]
            assert {lease for life in lives for lease in life["leases"]} == {f"{UUIDS[0]}.lock"}


@pytest.mark.slow
def test_quiet_hours_hold_for_the_queue_and_can_be_lifted(tmp_path: Path) -> None:
    now = datetime.now()
    hours = f"{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"
    with shared_server(tmp_path / "p", f'quiet_hours = "{hours}"') as project:
        project.run("--exp", "A2", "--detach")
        row = project.row("A2")
        assert (row["state"], row["reason"]) == ("queued", f"quiet hours until {now + timedelta(hours=3):%H:%M}")
        project.wait_for_looks()
        assert not project.attempts("A2")
        done = project.run("--exp", "A1")
        assert "a run started in a terminal does not wait for their end" in done.stderr
        project.run("--exp", "A2", "--detach", "--quiet_hours", "none")
        assert project.wait_until_settled()["runs"][0]["state"] == "completed"
