"""Memory that ran out: who tried how much in vain, and what to try instead, in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from iqa_train.text import GIB

_TRIED = re.compile(r"(?:Tried|Unable) to allocate ([\d.]+ \w+)")  # CUDA's caching allocator; NumPy
_TRIED_BYTES = re.compile(r"tried to allocate (\d+) bytes")  # torch on a CPU
_CUDA_SAYS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


class ShortageError(Exception):
    """There was too little memory, on the GPU or for the CPU."""


@contextmanager
def naming_shortage(batch_size: int) -> Iterator[None]:
    """Turn what a block raises for want of memory, in whatever form, into ShortageError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        who = _who_ran_out(error)
        if who is None:
            raise
        less = f"batch_size {batch_size * 3 // 4}" if batch_size > 1 else "a smaller patch_size or model_size"
        raise ShortageError(f"{who} {_tried(str(error))}; try {less}") from error


def _who_ran_out(error: Exception) -> str | None:
    text = str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError) or any(words in text for words in _CUDA_SAYS):
        return "CUDA"
    return "the CPU" if isinstance(error, MemoryError) or "DefaultCPUAllocator" in text else None


def _tried(text: str) -> str:
    if found := _TRIED.search(text):
        return f"tried {found[1]}"
    if found := _TRIED_BYTES.search(text):
        return f"tried {int(found[1]) / GIB:.2f} GiB"
    return "has none left"
