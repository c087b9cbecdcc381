"""What accounting adds, where there is some: arrays that squeue has forgotten, and why they ended."""

from pathlib import Path

import pytest

from iqa_train.slurm.accounting import recorded_as_cancelled
from tests.slurm.fake_commands import FakeCommands


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    return FakeCommands(tmp_path / "bin", monkeypatch)


def test_arrays_of_which_a_task_was_cancelled(commands: FakeCommands) -> None:
    rows = ["5_[0-3]|CANCELLED by 1000", "6_0|COMPLETED", "6_1|NODE_FAIL", "7_0|COMPLETED", "7_[1-2]|CANCELLED by 0"]
    commands.put("sacct", *(f"echo '{row}'" for row in rows))
    assert recorded_as_cancelled(["7", "5", "6"]) == {"5", "7"}
    assert commands.calls("sacct")[0].endswith("-j 5,6,7")
    assert recorded_as_cancelled([]) == frozenset()
    assert len(commands.calls("sacct")) == 1


def test_a_site_without_accounting(commands: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.put("sacct", "echo 'Slurm accounting storage is disabled' >&2", "exit 1")
    assert recorded_as_cancelled(["5"]) == frozenset()
    monkeypatch.setenv("PATH", "")
    assert recorded_as_cancelled(["5"]) == frozenset()
