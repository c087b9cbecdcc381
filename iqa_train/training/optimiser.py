"""AdamW with the backbone at one rate and everything else at lr_ratio times it."""

import torch
from torch import nn

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.adamw import PlainAdamW

CLIP = 1.0  # largest gradient norm, the seed's


def build_optimiser(network: nn.Module, settings: TrainingConfig) -> PlainAdamW:
    """Two groups; each carries its `ratio` to the rate that `set_rate` sets."""
    backbone = [p for n, p in network.named_parameters() if n.startswith("backbone.")]
    rest = [p for n, p in network.named_parameters() if not n.startswith("backbone.")]
    groups = [{"params": backbone, "ratio": 1.0}, {"params": rest, "ratio": settings.lr_ratio}]
    return PlainAdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its ratio of the backbone's `rate`."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["ratio"]
