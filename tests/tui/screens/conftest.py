"""A small study of stand-ins, finished once and copied for each test that changes its files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault_project import FaultyProject, faulty_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProject]:
    """Baseline, A1 and A2, all completed."""
    with faulty_project(tmp_path_factory.mktemp("finished") / "project") as project:
        project.run("--all", "--slots", "3", "--policy", "greedy")
        yield project


@pytest.fixture
def study(finished: FaultyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the folder that the test works in; its user has no configuration of their own."""
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder)
    for name, value in finished.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(folder)
    return folder
