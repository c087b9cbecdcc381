"""kill -9 of the scheduler, of runners and workers at random instants: the study completes as if nothing had been."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import (
    FIVE,
    OPEN,
    FaultyProject,
    assert_same_results,
    assert_true_state,
    assert_undoubled,
    faulty_project,
    pick,
)

STUDY = ("--all", "--detach", "--slots", "2", "--epochs", "12", "--retries", "1000")
COMBINATIONS = [
    ("scheduler",), ("runner",), ("worker",), ("runner", "worker"), ("scheduler", "runner"), ("scheduler", "worker"),
    ("scheduler", "runner", "worker"), ("worker", "worker"), ("runner", "runner"),
]  # fmt: skip
TOGETHER = 8  # projects disturbed at the same time: most of it is waiting


def disturb(project: FaultyProject, seed: int, faults: int) -> Counter[str]:
    """Kill at up to `faults` instants while the study lasts, looking at the state after each; then let it finish."""
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    project.run(*STUDY)
    for _ in range(faults):
        time.sleep(rng.uniform(0, 0.7))
        for victim in pick(rng, project.living(), *rng.choice(COMBINATIONS)):
            killed[victim.role] += victim.kill()
        killed["looks"] += 1
        assert_true_state(project)
        told = project.status()
        if told["scheduler"] is None and rng.random() < 0.6:
            project.run("queue", "resume")
        if not any(row["state"] in OPEN for row in told["runs"]):
            break
    project.run("queue", "resume")
    told = project.wait_until_settled(120)
    assert {row["state"] for row in told["runs"]} == {"completed"}
    return killed


def judge(project: FaultyProject, undisturbed: FaultyProject) -> None:
    project.wait("all processes have ended", lambda: not project.living())
    assert_undoubled(project)
    assert_same_results(project, undisturbed)


@pytest.mark.slow
def test_a_few_kills(make: Make, undisturbed_five: FaultyProject) -> None:
    project = make(study=FIVE, seconds=0.1)
    print(dict(disturb(project, 1, 10)))
    judge(project, undisturbed_five)


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path, undisturbed_five: FaultyProject) -> None:
    killed: Counter[str] = Counter()

    def one(seed: int) -> None:
        with faulty_project(tmp_path / str(seed), FIVE, seconds=0.25) as project:
            killed.update(disturb(project, seed, 60))
            judge(project, undisturbed_five)

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(one, range(100, 116)))
    print(f"\n16 schedules: {dict(killed)}, nothing lost")
