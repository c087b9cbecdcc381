"""Projects of stand-ins in which the tests work, each cleared of its processes at the end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.fault_project import FIVE, FaultyProject, faulty_project


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FaultyProject]]:
    """Makes the five experiments' project, and makes it this process' own: its folder, its environment."""
    with ExitStack() as stack:

        def make(study: str = FIVE, **wishes: object) -> FaultyProject:
            project = stack.enter_context(faulty_project(tmp_path / "project", study, **wishes))
            for name, value in project.environment().items():
                monkeypatch.setenv(name, value)
            monkeypatch.chdir(project.folder)
            return project

        yield make
