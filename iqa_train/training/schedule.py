"""The learning rate as a pure function of the step."""

import math

from iqa_train.study.settings import TrainingConfig


def rate_at(step: int, steps_per_epoch: int, settings: TrainingConfig, ratio: float = 1.0) -> float:
    """The rate of a group of parameters, whose peak is `ratio` x lr, for optimiser step `step` (0-based).

    Warm-up is linear over the first `warmup_epochs`, batch by batch. The cosine spans what is left and ends at
    `lr_floor`, which is absolute: a group whose peak is below it rises. With lr_step = "epoch" it moves once an epoch
    and is, without warm-up, PyTorch's CosineAnnealingLR with T_max = epochs and eta_min = lr_floor. The step schedule
    multiplies by `lr_step_gamma` every `lr_step_epochs` epochs.
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
