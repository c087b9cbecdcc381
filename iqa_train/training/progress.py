"""How far a round has come: everything, beside weights, that going on needs. Lives in the last checkpoint."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from iqa_train.study.settings import TrainingConfig


@dataclass
class Progress:
    """Epochs completed, steps done of the next one, and what was measured on the way.

    `losses` and `predictions` belong to the unfinished epoch: a loss per step, a prediction per crop in plan order.
    `val` and `test` are per-image predictions at the selected epoch, float64.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0  # spent on the unfinished epoch
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: Tensor = field(default_factory=lambda: torch.empty(0))
    predictions: Tensor = field(default_factory=lambda: torch.empty(0))
    val: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    test: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))

    _TENSORS = ("losses", "predictions", "val", "test")

    def state(self) -> dict[str, Any]:
        """The part that is JSON."""
        return {k: v for k, v in asdict(self).items() if k not in self._TENSORS}

    def tensors(self) -> dict[str, Tensor]:
        """The part that is numbers."""
        return {f"progress.{name}": getattr(self, name).cpu() for name in self._TENSORS}

    @classmethod
    def restored(cls, state: dict[str, Any], tensors: dict[str, Tensor]) -> "Progress":
        """From a checkpoint's state and its tensors under `progress.`."""
        progress = cls(**state)
        for name, tensor in tensors.items():
            setattr(progress, name, tensor)
        return progress

    def stopped_early(self, settings: TrainingConfig) -> bool:
        """Whether patience has run out before the epochs have."""
        idle = self.epoch - self.best_epoch
        return settings.early_stopping and idle >= settings.patience and self.epoch < settings.epochs

    def finished(self, settings: TrainingConfig) -> bool:
        """Whether there is nothing left to train."""
        return self.epoch >= settings.epochs or self.stopped_early(settings)
