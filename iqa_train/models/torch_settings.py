"""Torch's settings of the process, which code of others may change when it is imported."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_settings_kept() -> Iterator[None]:
    """Run the block, then put back what decides how numbers are computed: threads, types, gradients, choice of kernels.

    Files often begin with `torch.set_num_threads(8)` or `torch.backends.cudnn.benchmark = True`; a run's own settings
    count, which are in its provenance.
    """
    threads, kind, gradients = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    cudnn = torch.backends.cudnn
    kernels = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = kernels
