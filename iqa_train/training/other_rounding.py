"""The start of a repeat: the same initial weights, rounded otherwise.

A repeat takes for each initial weight a neighbouring 32-bit number, up or down at random. That is the least change
there can be, the same on every device and with any number of threads, and it takes no time. One such change of one
weight makes networks that differ as much as those of several seeds do (Summers and Dinneen, Nondeterminism and
instability in neural network optimization, ICML 2021).
"""

import torch
from torch import nn

from iqa_train.models.seeded_init import stream_key

NEIGHBOURS = "each initial weight is a neighbouring 32-bit number"
"""What makes the rounding of a repeat another, for provenance.json."""


@torch.no_grad()
def round_otherwise(network: nn.Module, seed: int, repeat: int) -> None:
    """Move each parameter that is not 0 to the next number above or below; its own stream for each seed and repeat."""
    generator = torch.Generator().manual_seed(stream_key(seed, "rounding", repeat))
    for parameter in network.parameters():
        up = torch.rand(parameter.shape, generator=generator) < 0.5
        towards = torch.where(up, torch.inf, -torch.inf).to(parameter.dtype)
        moved = torch.nextafter(parameter, towards)
        parameter.copy_(torch.where(parameter == 0, parameter, moved))
