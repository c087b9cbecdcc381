"""A process whose control group is frozen counts as suspended, and is called frozen."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from iqa_train.runs import freezer
from iqa_train.runs.identity import identity_of, suspension

VERSIONS = {1: ("freezer.state", "FROZEN", "THAWED"), 2: ("cgroup.freeze", "1", "0")}


def wait_until(true: Callable[[], bool]) -> None:
    """Freezing and thawing take a moment."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("version", [1, 2])
def test_a_frozen_process_is_suspended_until_its_group_is_thawed(
    version: int, sleeper: subprocess.Popen[bytes]
) -> None:
    mount = freezer._mounts().get(version)
    if mount is None:
        pytest.skip(f"no freezer of version {version} is mounted")
    group = mount / f"iqa-train-test-{sleeper.pid}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    name, freeze, thaw = VERSIONS[version]
    process = identity_of(sleeper.pid)
    try:
        (group / "cgroup.procs").write_text(str(sleeper.pid))
        assert not process.suspended
        (group / name).write_text(freeze)
        wait_until(lambda: freezer.is_frozen(sleeper.pid))
        assert process.alive
        assert process.suspended
        assert suspension(process) == (
            f"frozen with its control group (process {sleeper.pid}); thaw that group to continue it"
        )
        (group / name).write_text(thaw)
        wait_until(lambda: not freezer.is_frozen(sleeper.pid))
        assert not process.suspended
        assert suspension(process) == ""
    finally:
        (group / name).write_text(thaw)
        sleeper.kill()
        sleeper.wait()
        group.rmdir()


def test_a_process_that_is_gone_is_not_frozen() -> None:
    assert not freezer.is_frozen(2**22 + 1)
