"""What tests of Slurm share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing, running_cluster
from tests.slurm.fake_commands import FakeCommands
from tests.slurm.job_project import Make, job_projects


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    return FakeCommands(tmp_path / "bin", monkeypatch)


@pytest.fixture(scope="session")
def session_cluster() -> Iterator[Cluster]:
    """One Slurm for all tests of this process."""
    if reason := missing():
        pytest.skip(reason)
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(session_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A Slurm with two idle nodes and no jobs, which this process and its children use."""
    for name, value in session_cluster.environment().items():
        monkeypatch.setenv(name, value)
    yield session_cluster
    session_cluster.repair()


@pytest.fixture
def make_job_project(tmp_path: Path, cluster: Cluster) -> Iterator[Make]:
    with job_projects(tmp_path, cluster) as make:
        yield make
