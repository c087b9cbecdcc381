"""What a runner notes of its device: true figures, on a CPU and on a GPU, and never at the run's expense."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from iqa_train.runs.device_samples import last_sample, samples_of
from iqa_train.runs.layout import Attempt
from tests.fakes.nvml import H200, NEVER_A_PID, RESERVED, UUIDS, FakeDriver
from tests.faults.fault_project import FaultyProject, faulty_project

GPU = {"kind": "gpu", "index": 1, "key": UUIDS[1], "name": "NVIDIA H200"}
NODE = os.uname().nodename


@pytest.fixture
def held(tmp_path: Path) -> Iterator[FaultyProject]:
    """A project of stand-ins that hold in their second epoch."""
    with faulty_project(tmp_path / "project", behaviour="*=hold") as project:
        yield project


def _start_on_gpu(project: FaultyProject, driver: FakeDriver, **facts: str) -> "subprocess.Popen[bytes]":
    """A runner of A1 on the driver's second GPU, and its worker in its second epoch."""
    (project.folder / "runs").mkdir(exist_ok=True)
    (project.folder / "runs" / "queue.json").write_text(json.dumps({"items": [], "paused": True}))
    project.run("--exp", "A1", "--detach")
    run = project.run_folder("A1").relative_to(project.folder)
    environment = project.environment() | {
        key: value for key, value in driver.environment().items() if key == "LD_LIBRARY_PATH" or key.startswith("FAKE_")
    }
    runner = subprocess.Popen(
        [
            sys.executable, "-m", "iqa_train.scheduler.detached_runner", str(run), "--device", json.dumps(GPU),
            "--attempt", "1", "--logs-dir", "logs", "--command", "[]",
        ],
        cwd=project.folder, env=environment | facts,
    )  # fmt: skip
    project.wait_for_worker("A1")
    return runner


def _first_sample(project: FaultyProject) -> dict[str, Any]:
    def newest() -> Any:
        return next((sample for a in project.attempts("A1") if (sample := last_sample(a / "devices.jsonl"))), None)

    found: dict[str, Any] = project.wait("a sample", newest)
    return found


@pytest.mark.slow
def test_of_a_cpu_the_runs_own_processes_are_sampled(held: FaultyProject) -> None:
    runner = held.start("--exp", "A1")
    sample = _first_sample(held)
    assert (sample["node"], sample["kind"], sample["index"], sample["key"]) == (NODE, "cpu", 0, "cpu-0")
    assert abs(sample["time"] - time.time()) < 60
    assert sample["utilisation"] == pytest.approx(100 * sample["cores"])
    assert 1 << 20 < sample["memory_used"] < sample["memory_total"]
    held.let_go()
    assert runner.wait(timeout=60) == 0
    (attempt,) = held.attempts("A1")
    assert next(samples_of(Attempt(attempt))) == sample  # kept after the run's end


@pytest.mark.slow
def test_of_a_gpu_what_the_driver_says_and_whose_it_is(held: FaultyProject, tmp_path: Path) -> None:
    driver = FakeDriver(tmp_path)
    driver.set({"1.utilisation": 83, "1.memory": f"{H200} {RESERVED} {60 << 30}", "1.power": 412_340})
    driver.set({"1.temperature": 66, "1.processes": f"{os.getpid()}:{1 << 30}"})
    runner = _start_on_gpu(held, driver)
    (worker,) = held.of_role("worker")
    driver.set({"1.processes": f"{worker.pid}:{59 << 30} {os.getpid()}:{1 << 30}"})
    sample = _first_sample(held)
    told = {key: sample[key] for key in ("index", "key", "name", "utilisation", "power", "power_limit", "temperature")}
    assert told == {
        "index": 1, "key": UUIDS[1], "name": "NVIDIA H200", "utilisation": 83, "power": 412.3, "power_limit": 700,
        "temperature": 66,
    }  # fmt: skip
    assert (sample["memory_used"], sample["memory_total"], sample["own_memory"]) == (60 << 30, H200, 59 << 30)
    assert sample["processes_of_others"] is False  # both are ours
    assert sample["resident"] > 1 << 20
    driver.set({"1.processes": f"{worker.pid}:{59 << 30} {NEVER_A_PID}:{1 << 30}"})
    (attempt,) = held.attempts("A1")
    held.wait("the next sample", lambda: last_sample(attempt / "devices.jsonl") != sample)
    assert (last_sample(attempt / "devices.jsonl") or {})["processes_of_others"] is None  # of another namespace
    held.let_go()
    assert runner.wait(timeout=60) == 0


@pytest.mark.slow
def test_a_driver_that_hangs_holds_up_nothing(held: FaultyProject, tmp_path: Path) -> None:
    driver = FakeDriver(tmp_path)
    driver.set({"nvmlDeviceGetPowerUsage": "hang"})
    runner = _start_on_gpu(held, driver)
    held.wait("the driver is asked", lambda: driver.calls("nvmlDeviceGetPowerUsage") if _asked(tmp_path) else 0)
    held.let_go()
    assert runner.wait(timeout=60) == 0
    (attempt,) = held.attempts("A1")
    assert json.loads((attempt / "exit.json").read_text())["state"] == "completed"
    assert last_sample(attempt / "devices.jsonl") is None
    assert held.of_role("runner") == held.of_role("worker") == []


def _asked(folder: Path) -> bool:
    return (folder / "nvml.calls").exists()


@pytest.mark.slow
def test_a_file_of_samples_that_cannot_be_written_is_passed_over(held: FaultyProject) -> None:
    runner = held.start("--exp", "A1")
    held.wait_for_worker("A1")
    (attempt,) = held.attempts("A1")
    (attempt / "devices.jsonl").mkdir()
    held.wait("two seconds and a half have passed", lambda: time.time() - attempt.stat().st_mtime > 2.5)
    held.let_go()
    assert runner.wait(timeout=60) == 0
    assert json.loads((attempt / "exit.json").read_text())["state"] == "completed"


def test_the_newest_sample_is_read_from_the_end_past_damage(tmp_path: Path) -> None:
    file = tmp_path / "devices.jsonl"
    assert last_sample(file) is None
    whole = {"time": 1.0, "node": "n1", "kind": "gpu", "index": 0, "key": "GPU-1", "utilisation": 50}
    with file.open("w") as lines:
        for second in range(20_000):
            print(json.dumps(whole | {"time": float(second)}), file=lines)
        print(json.dumps(whole | {"utilisation": "full"}), file=lines)
        lines.write('{"time": 30000.0, "node": "n1", "ki')
    assert (last_sample(file) or {})["time"] == 19_999
    with ExitStack() as stack:
        began = time.perf_counter()
        stack.callback(shutil.rmtree, tmp_path)
        for _ in range(100):
            last_sample(file)
        assert time.perf_counter() - began < 1  # 1.6 MB each, if all were read
    assert last_sample(file) is None
