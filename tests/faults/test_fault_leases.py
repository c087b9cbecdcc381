"""Processes of two users race for one device: it is given a thousand times, and never to two at once."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import BUSY, assert_undoubled, pause_before_anything_starts, start_runner

RACER = """
import fcntl, os, sys, time
from iqa_train.devices.leases import Holder, acquire
witness, user, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if os.geteuid() == 0 and user:
    os.setgid(user)
    os.setuid(user)
os.umask(0o077)
got = 0
while got < wanted:
    lease = acquire("GPU-0", Holder(str(user)))
    if lease is None:
        continue
    descriptor = os.open(witness, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if another has it
    time.sleep(0.0005 * (got % 3))
    os.close(descriptor)
    lease.close()
    got += 1
"""


def _race(racers: int, each: int) -> None:
    """Half of the racers are root and half another user, where root runs this."""
    with tempfile.TemporaryDirectory(prefix="iqa-leases-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # not a folder of pytest's, which keeps others out
        witness = folder / "witness"
        witness.touch()
        witness.chmod(0o644)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, str(witness), str(user), str(each)],
                env=os.environ | {"IQA_TRAIN_LEASES": str(folder / "leases")}, stderr=subprocess.PIPE, text=True,
            )
            for user in [0, 65534] * (racers // 2)
        ]  # fmt: skip
        for racer in started:
            _, err = racer.communicate(timeout=120)
            assert racer.returncode == 0, err


def test_a_hundred_placements() -> None:
    _race(4, 25)


@pytest.mark.slow
def test_a_thousand_placements() -> None:
    _race(4, 250)
    print("\n1000 placements of one device by four processes of two users: none overlapped")


def test_runners_of_several_runs_for_one_device(make: Make) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    pause_before_anything_starts(project).kill()
    project.wait("it is gone", lambda: not project.living())
    started = {name: start_runner(project, name, 0, 1) for name in ("Baseline", "A1", "A2")}

    def losers() -> list[str]:
        return [name for name, runner in started.items() if runner.poll() is not None]

    project.wait("all but one have left", lambda: len(losers()) == 2)
    assert [started[name].returncode for name in losers()] == [BUSY, BUSY]
    assert all(not project.attempts(name) for name in losers())
    project.let_go()
    assert {runner.wait(timeout=60) for runner in started.values()} == {0, BUSY}
    assert_undoubled(project)
