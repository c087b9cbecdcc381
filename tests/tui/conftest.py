"""Tests of the console may be coroutines, each in an event loop of its own; and a study to show, run to its end."""

import asyncio
import inspect
from pathlib import Path

import pytest

from tests.conftest import write_small_study
from tests.faults.fault_project import FIVE, FaultyProject


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(scope="session")
def five_done(tmp_path_factory: pytest.TempPathFactory) -> FaultyProject:
    """The original study's five experiments, run by stand-in workers; B2 has failed. Read-only."""
    folder: Path = tmp_path_factory.mktemp("five")
    write_small_study(folder, FIVE)
    project = FaultyProject(folder, behaviour="B2=exit:3", seconds=0.02)
    project.run("--all", "--slots", "2", code=1)
    project.wait("nothing writes any more", lambda: not project.living())
    return project
