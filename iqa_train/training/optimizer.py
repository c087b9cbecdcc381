"""AdamW in two groups of parameters, and the learning-rate schedule as a pure function of the step."""

import math

import torch
from torch import nn

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.adamw import PlainAdamW

CLIP = 1.0  # largest gradient norm, as in the original training script
_AT_LR = ("backbone.", "local.")  # the original script counts the local distortion layers to the backbone


def build_optimizer(network: nn.Module, settings: TrainingConfig) -> PlainAdamW:
    """The backbone and the local distortion layers train at `lr`, everything else at `lr_ratio` x `lr`."""
    at_lr = [p for n, p in network.named_parameters() if n.startswith(_AT_LR)]
    rest = [p for n, p in network.named_parameters() if not n.startswith(_AT_LR)]
    groups = [{"params": at_lr, "ratio": 1.0}, {"params": rest, "ratio": settings.lr_ratio}]
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
