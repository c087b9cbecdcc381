"""Projects whose runs are stand-ins, to be watched on real terminals."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fault_project import FIVE, FaultyProject, faulty_project
from tests.tui.terminal.consoles import Make

DEMO = '\n[profiles.demo]\nstudy = { name = "small", title = "Five stand-ins" }\n'


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A project of five experiments in three batches, with a demo profile; what lives of it at the end is killed."""
    with ExitStack() as stack:
        numbers = iter(range(100))

        def one(study: str = FIVE + DEMO, **wishes: Any) -> FaultyProject:
            folder = tmp_path / f"p{next(numbers)}"
            return stack.enter_context(faulty_project(folder, study, **wishes))

        yield one
