"""The progress of a round: all that resuming needs besides weights and optimizer. Stored in the last checkpoint."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from iqa_train.study.settings import TrainingConfig


@dataclass
class Progress:
    """Completed epochs, completed steps of the next one, and the measurements so far.

    `losses` (per step) and `predictions` (per crop, in plan order) belong to the unfinished epoch. `val` and `test` are
    the per-image predictions of the selected epoch, float64.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0  # spent on the unfinished epoch so far
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: Tensor = field(default_factory=lambda: torch.empty(0))
    predictions: Tensor = field(default_factory=lambda: torch.empty(0))
    val: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    test: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))

    _TENSORS = ("losses", "predictions", "val", "test")

    def state(self) -> dict[str, Any]:
        """The JSON part of a checkpoint."""
        return {k: v for k, v in asdict(self).items() if k not in self._TENSORS}

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        return {f"progress.{name}": getattr(self, name).cpu() for name in self._TENSORS}

    @classmethod
    def restored(cls, state: dict[str, Any], tensors: dict[str, Tensor]) -> "Progress":
        """Rebuild from a checkpoint's state and its tensors under `progress.`."""
        progress = cls(**state)
        for name, tensor in tensors.items():
            setattr(progress, name, tensor)
        return progress

    def stopped_early(self, settings: TrainingConfig) -> bool:
        """Whether patience ran out before the last epoch."""
        idle = self.epoch - self.best_epoch
        return settings.early_stopping and idle >= settings.patience and self.epoch < settings.epochs

    def finished(self, settings: TrainingConfig) -> bool:
        """Whether training is over."""
        return self.epoch >= settings.epochs or self.stopped_early(settings)
