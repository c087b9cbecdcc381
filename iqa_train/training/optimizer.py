"""AdamW on groups of parameters, and the learning-rate schedule as a pure function of the step."""

import math

import torch

from iqa_train.models.parameter_groups import Network
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.adamw import PlainAdamW

CLIP = 1.0  # largest gradient norm, as in the original training script


def build_optimizer(network: Network, settings: TrainingConfig) -> PlainAdamW:
    """Each of the network's groups of parameters trains at its own multiple of `lr`."""
    parameters = dict(network.named_parameters())
    groups = [
        {
            "params": [parameters[name] for name in group.names],
            "ratio": group.ratio,
            "weight_decay": settings.weight_decay if group.weight_decay is None else group.weight_decay,
        }
        for group in network.parameter_groups(settings.lr_ratio)
    ]
    return PlainAdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def set_rates(optimizer: torch.optim.Optimizer, step: int, steps_per_epoch: int, settings: TrainingConfig) -> None:
    """Set the rate of each group for optimizer step `step` (0-based)."""
    for group in optimizer.param_groups:
        group["lr"] = rate_at(step, steps_per_epoch, settings, group["ratio"])


def rate_at(step: int, steps_per_epoch: int, settings: TrainingConfig, ratio: float = 1.0) -> float:
    """The learning rate at optimizer step `step` (0-based) of a parameter group whose peak is `ratio` x lr.

    Warm-up is linear over the first `warmup_epochs`, batch by batch. The cosine spans the remaining steps and ends at
    `lr_floor`, which is the same for all groups: a group whose peak is below it rises. With lr_step = "epoch" the
    cosine moves once per epoch; without warm-up it then equals PyTorch's CosineAnnealingLR with T_max = epochs and
    eta_min = lr_floor. The step schedule multiplies by `lr_step_gamma` every `lr_step_epochs` epochs.
    """
    peak = settings.lr * ratio
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if settings.lr_scheduler == "step":
        return peak * settings.lr_step_gamma ** (step // steps_per_epoch // settings.lr_step_epochs)
    if settings.lr_scheduler == "cosine":
        total = settings.epochs * steps_per_epoch
        reached = step if settings.lr_step == "batch" else max(warmup, step // steps_per_epoch * steps_per_epoch)
        along = (reached - warmup) / max(1, total - warmup)
        return settings.lr_floor + (peak - settings.lr_floor) * 0.5 * (1 + math.cos(math.pi * along))
    return peak
