"""An empty project on an unknown host; a clock and locks that are false."""

from pathlib import Path

import pytest

from iqa_train.devices.leases import VARIABLE
from iqa_train.doctor.check_result import CheckScope
from tests.false_host import false_host


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckScope:
    """An empty project on a host of which nothing is known; its leases are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    return CheckScope(tmp_path / "runs", tmp_path / "logs", root=tmp_path / "root")


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that makes them false, for LD_PRELOAD."""
    return false_host(tmp_path_factory.mktemp("preload"))
