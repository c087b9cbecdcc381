"""Any form of memory exhaustion is reported with the device, the size requested and what to try instead."""

import numpy as np
import pytest
import torch

from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory

CUDA = (
    "CUDA out of memory. Tried to allocate 2.10 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.02 GiB is "
    "free. Process 1234 has 78.00 GiB memory in use."
)


def explanation(error: Exception, batch_size: int = 32) -> str:
    with pytest.raises(OutOfMemoryError) as raised, explain_out_of_memory(batch_size):
        raise error
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.cuda.OutOfMemoryError(CUDA), "CUDA could not allocate 2.10 GiB; try batch_size 24"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), "CUDA has no memory left; try batch_size 24"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors"), "CUDA has no memory left; try batch_size 24"),
        (MemoryError(), "the CPU has no memory left; try batch_size 24"),
    ],
)
def test_out_of_memory_is_explained_in_one_sentence(error: Exception, message: str) -> None:
    assert explanation(error) == message


def test_allocations_that_the_cpu_refuses() -> None:
    refused = "^the CPU could not allocate {}; try batch_size 24$"
    with pytest.raises(OutOfMemoryError, match=refused.format(r"1048576\.00 GiB")), explain_out_of_memory(32):
        torch.empty(1 << 50, dtype=torch.uint8)
    with pytest.raises(OutOfMemoryError, match=refused.format(r"8\.00 PiB")), explain_out_of_memory(32):
        np.empty(1 << 50)


def test_the_remedy_is_possible() -> None:
    assert explanation(MemoryError(), 2).endswith("try batch_size 1")
    assert explanation(MemoryError(), 1).endswith("try a smaller patch_size or model_size")


@pytest.mark.parametrize(
    ("batch_size", "micro", "remedy"),
    [
        (32, 0, "try micro_batch_size 16, which computes a batch in parts, or batch_size 24"),
        (32, 5, "try micro_batch_size 2, which computes a batch in parts, or batch_size 24"),
        (32, 1, "try batch_size 24"),
        (1, 0, "try a smaller patch_size or model_size"),
    ],
)
def test_in_training_parts_of_a_batch_are_the_first_remedy(batch_size: int, micro: int, remedy: str) -> None:
    with pytest.raises(OutOfMemoryError) as raised, explain_out_of_memory(batch_size, micro):
        raise MemoryError
    assert str(raised.value).endswith(f"; {remedy}")


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("memory")])
def test_other_errors_than_out_of_memory_are_raised(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, explain_out_of_memory(32):
        raise error
    assert raised.value is error
