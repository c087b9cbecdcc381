"""Small networks on one thread: with more, the threads would wait for each other longer than they compute."""

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A device flushes them, for the whole process."""
    yield
    torch.set_flush_denormal(False)
