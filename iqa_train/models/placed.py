"""Puts a network on its device, in the memory layout that training and prediction have in common; compiles it."""

from typing import TypeVar

import torch
from torch import nn

from iqa_train.models.own_network import OwnNetwork

Placed = TypeVar("Placed", bound=nn.Module)


def place_network(network: Placed, device: torch.device) -> Placed:
    """The network on `device`, channels last: as crops come out of the pixel store, and faster on CPUs and GPUs.

    Where it has convolutions over three axes, whose weights have no such layout, it keeps its own.
    """
    network = network.to(device)
    if any(value.ndim == 5 for value in network.parameters()):
        return network
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def compiled(network: nn.Module) -> nn.Module:
    """What to call in place of the network, with the same parameters under the same names."""
    if isinstance(network, OwnNetwork):
        network.module.compile()  # in place
        return network
    return torch.compile(network)  # type: ignore[return-value]
