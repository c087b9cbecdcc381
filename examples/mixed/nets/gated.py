"""Another kind of network than HyperIQA's: gated attention over the places of all four stages.

`context.backbone()` is the backbone that the study's settings name, with the weights that they name.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d


class GatedHead(nn.Module):
    """Crops (B, 3, P, P) to scores (B,)."""

    def __init__(self, backbone: Any, width: int, places: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.places = places
        self.project = nn.ModuleList(nn.Linear(channels, width) for channels in backbone.channels)
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.weigh = nn.Linear(width, 1)
        self.score = nn.Linear(width, 1)

    def forward(self, crops: Tensor) -> Tensor:
        maps = [adaptive_avg_pool2d(stage, self.places) for stage in self.backbone(crops)]
        tokens = torch.cat(
            [project(part.flatten(2).mT) for project, part in zip(self.project, maps, strict=True)], 1
        )  # (B, 4 places^2, width)
        tokens = torch.nn.functional.gelu(tokens)
        gated = torch.tanh(self.value(tokens)) * torch.sigmoid(self.gate(tokens))
        weights = self.weigh(gated).softmax(1)  # how much each place counts for the score
        return self.score((weights * tokens).sum(1)).squeeze(1)


def build(*, width: int = 64, places: int = 4, context: Any) -> nn.Module:
    """`width` of a token; `places` x `places` tokens of each stage."""
    return GatedHead(context.backbone(), width, places)
