"""Initial weights from a stream per module, so that experiments with one seed share what they have in common.

One global generator would hand different numbers to every module after the first that differs between two networks; a
generator per (seed, module name) gives `hyper.reduce.3` the same start in Baseline and in every ablation.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def stream_key(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `seed`; stable across versions, hosts and processes."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def keyed_random(seed: int, *names: str | int) -> Iterator[None]:
    """Run a block with torch's CPU generator at the start of the stream `names`, and put the generator back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_key(seed, *names))
        yield


def initialise(module: nn.Module, seed: int, prefix: str = "") -> None:
    """Draw the parameters of every leaf below `module` anew, each from the stream of its own name."""
    for name, child in module.named_modules(prefix=prefix):
        reset = getattr(child, "reset_parameters", None)
        if callable(reset) and not any(True for _ in child.children()):
            with keyed_random(seed, "initial", name):
                reset()
