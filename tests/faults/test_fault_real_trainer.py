"""The real trainer under the same faults: bit for bit what an undisturbed study gives."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.faults.fault_project import (
    OPEN,
    FaultyProject,
    assert_same_results,
    assert_true_state,
    faulty_project,
    pick,
)
from tests.small_disk import small_disk

STUDY = ("--all", "--slots", "2", "--epochs", "6", "--train_patch_num", "8")
COMBINATIONS = [("scheduler",), ("runner",), ("worker",), ("runner", "worker"), ("scheduler", "runner", "worker")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProject]:
    with faulty_project(tmp_path_factory.mktemp("calm-trainer"), real=True) as project:
        project.run(*STUDY, timeout=240)
        yield project


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants(tmp_path: Path, calm: FaultyProject, seed: int) -> None:
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    with faulty_project(tmp_path / "disturbed", real=True) as project:
        project.run(*STUDY, "--detach", "--retries", "1000")
        for _ in range(8):
            time.sleep(rng.uniform(0.5, 3.5))
            for victim in pick(rng, project.living(), *rng.choice(COMBINATIONS)):
                killed[victim.role] += victim.kill()
            assert_true_state(project)
            told = project.status()
            if told["scheduler"] is None:
                project.run("queue", "resume")
            if not any(row["state"] in OPEN for row in told["runs"]):
                break
        project.run("queue", "resume")
        assert {row["state"] for row in project.wait_until_settled(180)["runs"]} == {"completed"}
        assert_same_results(project, calm)
        for name in ("Baseline", "A1", "A2"):
            for file in ("best", "last"):
                _assert_same_tensors(project.run_folder(name), calm.run_folder(name), file)
    print(f"\n{dict(killed)}, every weight as undisturbed")


def _assert_same_tensors(one: Path, other: Path, file: str) -> None:
    with (
        safe_open(one / "checkpoints" / f"{file}.safetensors", "np") as a,
        safe_open(other / "checkpoints" / f"{file}.safetensors", "np") as b,
    ):
        assert set(a.keys()) == set(b.keys())
        assert all(a.get_tensor(k).tobytes() == b.get_tensor(k).tobytes() for k in a.keys())  # noqa: SIM118


def test_a_full_disk_under_its_log(tmp_path: Path) -> None:
    with faulty_project(tmp_path / "project", real=True) as project:
        with small_disk(project.folder / "elsewhere", 64) as disk:
            (disk / "filler").write_bytes(bytes(64 << 10))
            said = project.run("--exp", "A1", "--slots", "1", "--logs-dir", "elsewhere", code=1).stderr
            assert "A1: failed: disk full" in said
            (ended,) = project.exits("A1")
            assert ended is not None
            assert ended["exit_code"] == 5
            (disk / "filler").unlink()
            project.run("--exp", "A1", "--slots", "1", "--logs-dir", "elsewhere", "--resume")
        assert project.row("A1")["state"] == "completed"


def test_a_worker_of_several_processes_leaves_none_behind(tmp_path: Path) -> None:
    """Killed while it makes the pixel store with helpers of its own, runner and all."""
    with faulty_project(tmp_path / "project", real=True) as project:
        project.run("--exp", "A1", "--slots", "1", "--detach", "--workers", "2", "--retries", "1000")
        project.wait("the worker", lambda: project.of_role("worker"))
        time.sleep(3.5)
        for process in [*project.of_role("runner"), *project.of_role("worker")]:
            process.kill()
        told = project.wait_until_settled(60)
        assert {row["state"] for row in told["runs"]} == {"completed"}
        project.wait("all processes have ended", lambda: not project.living())
