"""The hyper-network of HyperIQA (Su et al., CVPR 2020): from fused features to the target network's parameters."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from iqa_train.models.layers import KaimingConv2d, KaimingLinear

GRID = 7  # the fused features' side; the published channel counts are made for it
TARGET_WIDTHS = (224, 112, 56, 28, 14, 1)
REDUCTION = (512, 256)
"""Channels between the fused features and the last map, unless the backbone has its own in `study.backbones`."""

_REDUCED = 112


class TargetParameters(NamedTuple):
    """Per-image parameters: `weights[k]` is (B, out, in) and `biases[k]` is (B, out), five of each."""

    weights: list[Tensor]
    biases: list[Tensor]


class HyperNetwork(nn.Module):
    """1x1 convolutions to `reduction` and 112 channels, then a head per weight and per bias of the target network.

    Dropout acts once, on the 112-channel map that all heads read. A weight matrix of the first four layers is a 3x3
    convolution's output read as a matrix (out x in numbers over the 7x7 grid); the last weight and the biases are
    linear in the globally averaged features.
    """

    def __init__(self, channels: int, dropout: float, reduction: tuple[int, int] = REDUCTION) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide, narrow in pairwise((channels, *reduction, _REDUCED)):
            layers += [nn.Conv2d(wide, narrow, 1), nn.ReLU(inplace=True)]
        self.reduce = nn.Sequential(*layers, nn.Dropout(dropout))
        pairs = list(pairwise(TARGET_WIDTHS))
        self.weight_heads = nn.ModuleList(
            KaimingConv2d(_REDUCED, a * b // GRID**2, 3, padding=1) for a, b in pairs[:-1]
        )
        self.weight_heads.append(KaimingLinear(_REDUCED, pairs[-1][0] * pairs[-1][1]))
        self.bias_heads = nn.ModuleList(KaimingLinear(_REDUCED, b) for _, b in pairs)

    @torch.no_grad()
    def start_at(self, score: float) -> None:
        """Let the target network answer about `score` to begin with, so that no epoch is spent on finding the scale."""
        bias = self.bias_heads[-1].bias
        assert isinstance(bias, nn.Parameter)
        bias.fill_(score)

    def forward(self, fused: Tensor) -> TargetParameters:
        """(B, channels, 7, 7) -> 33,545 numbers per image."""
        grid = self.reduce(fused)
        pooled = grid.mean((2, 3))
        weights = []
        for k, head in enumerate(self.weight_heads):
            flat = head(grid if isinstance(head, nn.Conv2d) else pooled)
            weights.append(flat.reshape(-1, TARGET_WIDTHS[k + 1], TARGET_WIDTHS[k]))
        return TargetParameters(weights, [head(pooled) for head in self.bias_heads])
