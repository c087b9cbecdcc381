"""The learning rate as a pure function of the step. It never rises but for the warm-up."""

import math

from iqa_train.study.settings import TrainingConfig


def rate_at(step: int, steps_per_epoch: int, settings: TrainingConfig) -> float:
    """The backbone's rate for optimiser step `step` (0-based); everything else trains at lr_ratio times this.

    Warm-up is linear over the first `warmup_epochs`; the cosine spans what is left and ends at `lr_floor`; `step`
    multiplies by `lr_step_gamma` every `lr_step_epochs` epochs.
    """
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return settings.lr * (step + 1) / (warmup + 1)
    if settings.lr_scheduler == "step":
        return settings.lr * settings.lr_step_gamma ** (step // steps_per_epoch // settings.lr_step_epochs)
    if settings.lr_scheduler == "cosine":
        total = settings.epochs * steps_per_epoch
        along = (step - warmup) / max(1, total - warmup)
        return settings.lr_floor + (settings.lr - settings.lr_floor) * 0.5 * (1 + math.cos(math.pi * along))
    return settings.lr
