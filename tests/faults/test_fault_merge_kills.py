"""A merge that is killed at any moment and given again: it completes, and nothing of either side is lost."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from iqa_train.runs.layout import folders_in, run_folders
from iqa_train.runs.state import run_state
from tests.conftest import PROGRAM
from tests.runs.merge_folders import HERE, THERE, Machine, machine, tree

pytestmark = pytest.mark.slow

EXPERIMENTS = [f"E{k}" for k in range(8)]


def two_machines(root: Path) -> tuple[Machine, Machine]:
    """Half of the runs here are unfinished, those there finished, with checkpoints that take a while to copy."""
    here, there = machine(root / "a", HERE), machine(root / "b", THERE)
    for k, experiment in enumerate(EXPERIMENTS):
        if k % 2:
            here.write(experiment, epochs=1, minute=k)
        run = there.write(experiment, value=0.5, tries=2, minute=30 + k)
        (run.path / "checkpoints" / "best").write_bytes(os.urandom(1 << 20))
    return here, there


def start(here: Machine) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*PROGRAM, "runs", "merge", "../b"], cwd=here.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def copies(here: Machine) -> set[str]:
    """The folders that merges have begun."""
    return {name for k in range(8) for name in folders_in(here.runs_dir / "small" / f"E{k}") if name[:7] == ".merge-"}


def contents(*machines: Machine) -> set[bytes]:
    return {
        data
        for one in machines
        for name, data in tree(one.folder).items()
        if not name.endswith("runner.json") and not (one.host == THERE and name.endswith("spec.json"))
    }


def test_a_merge_that_is_killed_again_and_again_completes(tmp_path: Path) -> None:
    chance = random.Random(14)
    kills = 0
    for campaign in range(2):
        here, there = two_machines(tmp_path / str(campaign))
        before = contents(here, there)
        source = tree(there.folder, ())
        while True:
            seen = left = copies(here)
            process = start(here)
            wanted = chance.randint(1, 4)  # runs that it begins to copy, the last of which is cut off
            deadline = time.monotonic() + 120
            while process.poll() is None and len(seen - left) < wanted:
                seen = seen | copies(here)
                assert time.monotonic() < deadline
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            if process.wait() == 0:
                break
            kills += 1
            ours = {run.path for run in run_folders(here.runs_dir)}
            assert all(run_state(there.run(name)).finished for name in EXPERIMENTS)
            assert all(path.is_dir() for path in ours)
        final = start(here)
        assert final.wait(60) == 0, final.stderr.read().decode() if final.stderr else ""
        assert before <= contents(here)
        assert tree(there.folder, ()) == source
        assert not list(here.runs_dir.rglob(".merge-*"))
        assert all(run_state(here.run(name)).finished for name in EXPERIMENTS)
        assert [len(here.run(name).attempts()) for name in EXPERIMENTS] == [2, 3] * 4
    assert kills >= 3


def test_two_merges_at_once_join_everything_once(tmp_path: Path) -> None:
    here, there = two_machines(tmp_path)
    before = contents(here, there)
    both = [start(here), start(here)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert before <= contents(here)
    assert [len(here.run(name).attempts()) for name in EXPERIMENTS] == [2, 3] * 4
    assert not list(here.runs_dir.rglob(".merge-*"))
