"""Out of memory, in one sentence: on which device, how much was requested, and what to try instead."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from iqa_train.text import GIB

_REQUESTED = re.compile(r"(?:Tried|Unable) to allocate ([\d.]+ \w+)")  # CUDA's caching allocator; NumPy
_REQUESTED_BYTES = re.compile(r"tried to allocate (\d+) bytes")  # torch on a CPU
_CUDA_MESSAGES = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


class OutOfMemoryError(Exception):
    """The GPU or the CPU has too little memory."""


@contextmanager
def explain_out_of_memory(batch_size: int, micro_batch_size: int | None = None) -> Iterator[None]:
    """Raise OutOfMemoryError for any form of memory exhaustion in the block.

    `micro_batch_size` is the setting of training, where a batch may be computed in parts; None elsewhere.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        device = _exhausted_device(error)
        if device is None:
            raise
        smaller = f"batch_size {batch_size * 3 // 4}" if batch_size > 1 else "a smaller patch_size or model_size"
        parts = (micro_batch_size or batch_size) // 2
        if micro_batch_size is not None and parts > 0:
            smaller = f"micro_batch_size {parts}, which computes a batch in parts, or {smaller}"
        raise OutOfMemoryError(f"{device} {_requested(str(error))}; try {smaller}") from error


def _exhausted_device(error: Exception) -> str | None:
    text = str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError) or any(message in text for message in _CUDA_MESSAGES):
        return "CUDA"
    return "the CPU" if isinstance(error, MemoryError) or "DefaultCPUAllocator" in text else None


def _requested(text: str) -> str:
    if match := _REQUESTED.search(text):
        return f"could not allocate {match[1]}"
    if match := _REQUESTED_BYTES.search(text):
        return f"could not allocate {int(match[1]) / GIB:.2f} GiB"
    return "has no memory left"
