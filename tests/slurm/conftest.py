"""What tests of Slurm share."""

from pathlib import Path

import pytest

from tests.slurm.fake_commands import FakeCommands


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    return FakeCommands(tmp_path / "bin", monkeypatch)
