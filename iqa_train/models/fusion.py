"""From the backbone's four stages: local distortion features, and the fused features for the hyper-network."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from iqa_train.models.hyper import GRID, TARGET_WIDTHS, KaimingConv2d, KaimingLinear, SmallLinear

_REDUCED = (16, 32, 64)
_CELLS = (8, 4, 2)
_LOCAL = 16  # features from each of the first three stages


class LocalDistortion(nn.Module):
    """The target network's 224 inputs: 16 from each of stages 1-3, 176 from stage 4.

    With crops of 224 pixels each cell averages 7x7 positions of the 56, 28 and 14 pixel maps, as published; other crop
    sizes are averaged into the same 8x8, 4x4 and 2x2 cells.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(
            KaimingConv2d(c, r, 1, bias=False) for c, r in zip(channels[:3], _REDUCED, strict=True)
        )
        self.project = nn.ModuleList(
            KaimingLinear(r * cells * cells, _LOCAL) for r, cells in zip(_REDUCED, _CELLS, strict=True)
        )
        self.deep = KaimingLinear(channels[3], TARGET_WIDTHS[0] - 3 * _LOCAL)

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Four features (B, C_k, H_k, W_k) -> (B, 224)."""
        parts = []
        for stage, reduce, project, cells in zip(stages[:3], self.reduce, self.project, _CELLS, strict=True):
            # A bias-free 1x1 convolution commutes with averaging; averaging first makes it 49 times cheaper.
            parts.append(project(reduce(adaptive_avg_pool2d(stage, cells)).flatten(1)))
        parts.append(self.deep(stages[3].mean((2, 3))))
        return torch.cat(parts, 1)


class Fusion(nn.Module):
    """All four stages at 7x7, concatenated; with attention, each is weighted per image first.

    The weights are a softmax over the four scales, computed from stage 4's global average. With a single scale there is
    nothing to weight: `attention` has no effect when `multi_scale` is off, as in the original network.
    """

    def __init__(self, channels: tuple[int, ...], *, multi_scale: bool, attention: bool) -> None:
        super().__init__()
        self.multi_scale = multi_scale
        self.channels = sum(channels) if multi_scale else channels[3]
        self.attention: nn.Sequential | None = None
        if attention and multi_scale:
            self.attention = nn.Sequential(
                SmallLinear(channels[3], 256), nn.ReLU(inplace=True), nn.Dropout(0.5), SmallLinear(256, len(channels))
            )

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Four features (B, C_k, H_k, W_k) -> (B, channels, 7, 7)."""
        if not self.multi_scale:
            return adaptive_avg_pool2d(stages[3], GRID)
        scales = [adaptive_avg_pool2d(stage, GRID) for stage in stages]
        if self.attention is not None:
            weights = self.attention(stages[3].mean((2, 3))).softmax(1)
            scales = [scale * weights[:, k, None, None, None] for k, scale in enumerate(scales)]
        return torch.cat(scales, 1)
