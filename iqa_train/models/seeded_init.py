"""Initial weights from one random stream per module, so that experiments with the same seed start alike.

With one global generator, all modules after the first one that differs between two networks would get different
weights. A generator per seed and module name gives `hyper.reduce.2` the same start in Baseline and every ablation.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


def stream_key(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream `names` under `seed`; the same in all versions, hosts and processes."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_generators(key: int, *, also_python: bool) -> None:
    """Start torch's generators from a key, and those of Python and NumPy where code of others may use them."""
    torch.manual_seed(key)
    if also_python:
        random.seed(key)
        np.random.seed(key % 2**32)


@contextmanager
def keyed_random(seed: int, *names: str | int) -> Iterator[None]:
    """Run the block with torch's CPU generator at the start of stream `names`; restore the generator afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_key(seed, *names))
        yield


def initialise(module: nn.Module, seed: int, prefix: str = "") -> None:
    """Redraw the parameters of every leaf module, each from the stream of its name."""
    for name, child in module.named_modules(prefix=prefix):
        reset = getattr(child, "reset_parameters", None)
        if callable(reset) and not any(True for _ in child.children()):
            with keyed_random(seed, "initial", name):
                reset()
