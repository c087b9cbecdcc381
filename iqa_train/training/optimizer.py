"""AdamW on groups of parameters, and the learning-rate schedule as a pure function of the step."""

import math

import torch
from torch import nn

from iqa_train.models.backbone import rate_scales
from iqa_train.models.parameter_groups import Network
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.adamw import PlainAdamW

CLIP = 1.0  # largest gradient norm, as in the original training script


def build_optimizer(network: Network, settings: TrainingConfig) -> PlainAdamW:
    """Each of the network's groups of parameters trains at its own multiple of `lr`.

    With `layer_decay`, a group is split by layers of the backbone, each with the `scale` of its rate. Frozen parameters
    are in no group: they have no weight decay and no state.
    """
    parameters = dict(network.named_parameters())
    scales = rate_scales(network.named_modules(), settings.layer_decay)
    groups = []
    for group in network.parameter_groups(settings.lr_ratio):
        by_scale: dict[float, list[nn.Parameter]] = {}
        for name in group.names:
            if parameters[name].requires_grad:
                by_scale.setdefault(scales.get(name, 1.0), []).append(parameters[name])
        decay = settings.weight_decay if group.weight_decay is None else group.weight_decay
        groups += [
            {"params": chosen, "ratio": group.ratio, "scale": scale, "weight_decay": decay}
            for scale, chosen in by_scale.items()
        ]
    return PlainAdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def set_rates(optimizer: torch.optim.Optimizer, step: int, steps_per_epoch: int, settings: TrainingConfig) -> None:
    """Set the rate of each group for optimizer step `step` (0-based)."""
    for group in optimizer.param_groups:
        group["lr"] = rate_at(step, steps_per_epoch, settings, group["ratio"]) * group["scale"]


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
