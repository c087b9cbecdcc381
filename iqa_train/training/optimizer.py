"""AdamW with the backbone and the local distortion layers at one rate and everything else at lr_ratio times it."""

import torch
from torch import nn

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.adamw import PlainAdamW
from iqa_train.training.schedule import rate_at

CLIP = 1.0  # largest gradient norm, the seed's
_AT_LR = ("backbone.", "local.")  # as in the original, whose local distortion layers are parts of its backbone


def build_optimiser(network: nn.Module, settings: TrainingConfig) -> PlainAdamW:
    """Two groups; each carries its `ratio` to `settings.lr`."""
    at_lr = [p for n, p in network.named_parameters() if n.startswith(_AT_LR)]
    rest = [p for n, p in network.named_parameters() if not n.startswith(_AT_LR)]
    groups = [{"params": at_lr, "ratio": 1.0}, {"params": rest, "ratio": settings.lr_ratio}]
    return PlainAdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def set_rates(optimiser: torch.optim.Optimizer, step: int, steps_per_epoch: int, settings: TrainingConfig) -> None:
    """Give each group its rate for optimiser step `step` (0-based)."""
    for group in optimiser.param_groups:
        group["lr"] = rate_at(step, steps_per_epoch, settings, group["ratio"])
