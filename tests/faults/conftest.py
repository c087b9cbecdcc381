"""Projects for tests of faults, each cleared of its processes at the end; and a way to run these tests side by side.

Most of what they do is waiting: for a scheduler's next look, a grace, a heartbeat. So all of a file that are asked for
and are not themselves marked slow are begun together when its first is due; each then reports what came of it.
"""

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fault_project import FIVE, FaultyProject, faulty_project

Make = Callable[..., FaultyProject]

TOGETHER = 6

# Of these, all tests are slow: `make test` keeps the kills, the retries, starting and stopping.
SLOW = {
    "test_fault_containers.py", "test_fault_damaged_files.py", "test_fault_full_disk.py",
    "test_fault_mistaken_identity.py", "test_fault_queue_by_hand.py", "test_fault_suspended.py",
    "test_fault_terminal.py", "test_fault_two_at_once.py",
    "test_fault_unreadable_folders.py", "test_fault_unruly_workers.py",
}  # fmt: skip


_SHORT = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before slow ones are left out; and note which tests are no campaigns of their own."""
    for item in items:
        item.stash[_SHORT] = item.get_closest_marker("slow") is None
        if item.path.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a project with a study of stand-ins: `make(behaviour="A1=deaf", seconds=0.1)`."""
    with ExitStack() as stack:
        yield _maker(tmp_path, stack)


def _maker(folder: Path, stack: ExitStack) -> Make:
    count = iter(range(1000))
    return lambda **wishes: stack.enter_context(faulty_project(folder / f"project-{next(count)}", **wishes))


@pytest.fixture(scope="session")
def undisturbed_stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProject]:
    """The small study of stand-ins, taken to its end with nothing in its way."""
    with faulty_project(tmp_path_factory.mktemp("calm")) as project:
        project.run("--all", "--slots", "3", "--policy", "greedy")
        yield project


@pytest.fixture(scope="session")
def undisturbed_five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProject]:
    """The same of five experiments in three batches, twelve epochs each."""
    with faulty_project(tmp_path_factory.mktemp("calm-five"), FIVE) as project:
        project.run("--all", "--slots", "5", "--policy", "greedy", "--epochs", "12")
        yield project


@pytest.fixture(scope="module", autouse=True)
def side_by_side(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "Future[None]"]]:
    """What comes of each test that is run with others, by its id."""

    def one(item: pytest.Function, folder: Path) -> None:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        with ExitStack() as stack:
            given: dict[str, Any] = {"make": _maker(folder, stack), "tmp_path": folder, **shared, **parameters}
            item.obj(**{name: given[name] for name in _names(item)})

    mine = [
        item
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and item.stash[_SHORT]
    ]
    wanted = {name for item in mine for name in _names(item)} & {"undisturbed_stand_ins", "undisturbed_five"}
    shared = {name: request.getfixturevalue(name) for name in wanted}
    with ThreadPoolExecutor(TOGETHER) as pool:
        begun = {
            item.nodeid: pool.submit(one, item, tmp_path_factory.mktemp(item.originalname[:24]))
            for item in (mine if len(mine) > 1 else [])
        }
        yield begun
        for future in begun.values():  # those that nobody asks for any more, after -x say
            future.cancel()


def _names(item: pytest.Function) -> list[str]:
    return list(inspect.signature(item.obj).parameters)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Report what came of a test that was begun with the others."""
    side_by_side = pyfuncitem.funcargs["side_by_side"]
    assert isinstance(side_by_side, dict)
    begun = side_by_side.get(pyfuncitem.nodeid)
    if begun is None:
        return None
    begun.result()
    return True
