"""Whatever runs out of memory, and in whatever words, is named with how much it tried and what to try instead."""

import numpy as np
import pytest
import torch

from iqa_train.training.out_of_memory import ShortageError, naming_shortage

CUDA = (
    "CUDA out of memory. Tried to allocate 2.10 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.02 GiB is "
    "free. Process 1234 has 78.00 GiB memory in use."
)


def told(error: Exception, batch_size: int = 32) -> str:
    with pytest.raises(ShortageError) as raised, naming_shortage(batch_size):
        raise error
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (torch.cuda.OutOfMemoryError(CUDA), "CUDA tried 2.10 GiB; try batch_size 24"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), "CUDA has none left; try batch_size 24"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors"), "CUDA has none left; try batch_size 24"),
        (MemoryError(), "the CPU has none left; try batch_size 24"),
    ],
)
def test_said_in_one_sentence(error: Exception, says: str) -> None:
    assert told(error) == says


def test_what_the_cpu_could_not_have() -> None:
    with pytest.raises(ShortageError, match=r"^the CPU tried 1048576\.00 GiB; try batch_size 24$"), naming_shortage(32):
        torch.empty(1 << 50, dtype=torch.uint8)
    with pytest.raises(ShortageError, match=r"^the CPU tried 8\.00 PiB; try batch_size 24$"), naming_shortage(32):
        np.empty(1 << 50)


def test_what_to_try_is_possible() -> None:
    assert told(MemoryError(), 2).endswith("try batch_size 1")
    assert told(MemoryError(), 1).endswith("try a smaller patch_size or model_size")


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("memory")])
def test_other_errors_come_through(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, naming_shortage(32):
        raise error
    assert raised.value is error
