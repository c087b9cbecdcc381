"""HyperIQA's head (Su et al., CVPR 2020): a hyper-network that generates each image's target network, and that network.

Layers here start with Kaiming-normal weights (He et al., ICCV 2015) as HyperIQA's do, which are larger than torch's
default. The target network is a chain of sigmoids: with torch's default the generated weights are so small that the
constants drown the image's information, and training from scratch makes no progress in its first epochs.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from iqa_train.study.backbones import REDUCTION

GRID = 7  # side of the fused features; the published channel counts are for 7x7
TARGET_WIDTHS = (224, 112, 56, 28, 14, 1)
_PUBLISHED = 112  # channels of the last map that `REDUCTION` leads to
_DROPPED = 3  # layers of the target network followed by dropout


class TargetParameters(NamedTuple):
    """Per-image parameters: `weights[k]` is (B, out, in) and `biases[k]` is (B, out), five of each."""

    weights: list[Tensor]
    biases: list[Tensor]


class KaimingConv2d(nn.Conv2d):
    """A convolution with Kaiming-normal weights."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.kaiming_normal_(self.weight)


class KaimingLinear(nn.Linear):
    """A linear map with Kaiming-normal weights."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.kaiming_normal_(self.weight)


class SmallLinear(nn.Linear):
    """A linear map for the attention: weights from normal(0, 0.01), no bias, so that all scales start almost equal."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)


class HyperNetwork(nn.Module):
    """1x1 convolutions to `width` channels, then one head for each weight and bias of the target network.

    `reduction` holds the channels on the way there when `width` is 112, as published; they scale with it. Dropout
    acts once, on the last map, which all heads read. The weight matrices of the first four layers are
    outputs of 3x3 convolutions, reshaped (out x in values over the 7x7 grid); the last weight and all biases are linear
    in the globally averaged features.
    """

    def __init__(
        self, channels: int, dropout: float, reduction: tuple[int, int] = REDUCTION, width: int = _PUBLISHED
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        scaled = (between * width // _PUBLISHED for between in reduction)
        for wide, narrow in pairwise((channels, *scaled, width)):
            layers += [nn.Conv2d(wide, narrow, 1), nn.ReLU(inplace=True)]
        self.reduce = nn.Sequential(*layers, nn.Dropout(dropout))
        pairs = list(pairwise(TARGET_WIDTHS))
        self.weight_heads = nn.ModuleList(KaimingConv2d(width, a * b // GRID**2, 3, padding=1) for a, b in pairs[:-1])
        self.weight_heads.append(KaimingLinear(width, pairs[-1][0] * pairs[-1][1]))
        self.bias_heads = nn.ModuleList(KaimingLinear(width, b) for _, b in pairs)

    @torch.no_grad()
    def start_at(self, score: float) -> None:
        """Make the first predictions come out near `score`, so that no epoch is spent learning the scale."""
        bias = self.bias_heads[-1].bias
        assert isinstance(bias, nn.Parameter)
        bias.fill_(score)

    def forward(self, fused: Tensor) -> TargetParameters:
        """(B, channels, 7, 7) -> 33,545 parameters per image."""
        grid = self.reduce(fused)
        pooled = grid.mean((2, 3))
        weights = []
        for k, head in enumerate(self.weight_heads):
            flat = head(grid if isinstance(head, nn.Conv2d) else pooled)
            weights.append(flat.reshape(-1, TARGET_WIDTHS[k + 1], TARGET_WIDTHS[k]))
        return TargetParameters(weights, [head(pooled) for head in self.bias_heads])


class TargetNetwork(nn.Module):
    """224-112-56-28-14-1 with generated weights: sigmoids between layers, dropout after the first three.

    It has no parameters of its own. There is no dropout after the fourth layer: the score is a sum of only 14 products,
    and dropping one would change it far more than all other dropout together.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, parameters: TargetParameters) -> Tensor:
        """Features (B, 224) and per-image parameters -> scores (B,). One batched product per layer."""
        x = features.unsqueeze(2)
        last = len(parameters.weights) - 1
        for k, (weight, bias) in enumerate(zip(parameters.weights, parameters.biases, strict=True)):
            x = torch.baddbmm(bias.unsqueeze(2), weight, x)
            if k < last:
                x = torch.sigmoid(x)
            if k < _DROPPED:
                x = self.dropout(x)
        return x.flatten()
