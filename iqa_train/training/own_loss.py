"""A loss function of a user's own: called with a batch, its faults named by its own lines, and tried before it trains.

    def fn(predicted, scores, *, my_option=1.0): ...       # both (B,) -> a scalar; lower is better

A parameter named `context` is given the batch's `Targets`, with the SDs and the distribution of the opinions.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from iqa_train.models.code_errors import OwnCodeError, OwnPlace, blaming, own_place
from iqa_train.models.import_code import import_function
from iqa_train.study.code_reference import code_reference
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.signature import CONTEXT
from iqa_train.training.targets import Targets


def import_loss(settings: TrainingConfig, code: Path | None) -> "OwnLoss | None":
    """The study's own loss, from the folder with the copy of its code; None where the settings name one of ours.

    Raises OwnCodeError if it cannot be imported or is no function.
    """
    reference = code_reference(settings.loss_type)
    if reference is None:
        return None
    folder, place = code or Path(), own_place(reference, code or Path())
    function = import_function(reference, folder)
    if isinstance(function, type):
        raise OwnCodeError(f"{place.reference} is a class; name a function of predictions and scores that uses it")
    return OwnLoss(function, place, settings.loss_options)


@dataclass(frozen=True)
class OwnLoss:
    """The function with its options."""

    function: Callable[..., Any]
    place: OwnPlace
    options: Mapping[str, Any]

    @property
    def takes_context(self) -> bool:
        """Whether the function has a parameter for the targets."""
        try:
            return CONTEXT in inspect.signature(self.function).parameters
        except (TypeError, ValueError):  # some callables written in C state none
            return False

    def __call__(self, predicted: Tensor, targets: Targets) -> Tensor:
        """The loss of a batch, a scalar. Raises OwnCodeError.

        A loss that does not depend on the predictions of this batch, such as one over pairs where there are none, has
        a gradient of 0.
        """
        with blaming(self.place, "computing the loss"):
            more = {CONTEXT: targets} if self.takes_context else {}
            # Copies, since a function may change its arguments.
            loss = self.function(predicted.clone(), targets.scores.clone(), **self.options, **more)
        if isinstance(loss, Tensor):
            loss = _scalar(loss, self.place)
            return loss if loss.requires_grad or not predicted.requires_grad else loss + 0 * predicted.sum()
        raise OwnCodeError(f"{self.place.reference} returns {type(loss).__name__}, not a tensor: a scalar loss")


def _scalar(loss: Tensor, place: OwnPlace) -> Tensor:
    if loss.numel() != 1:
        raise OwnCodeError(
            f"{place.reference} returns shape {tuple(loss.shape)}; it must return one number, such as the mean"
        )
    if not loss.is_floating_point():
        kind = str(loss.dtype).removeprefix("torch.")
        raise OwnCodeError(f"{place.reference} returns {kind} numbers, which have no gradient; return a float")
    return loss.reshape(()).float() if loss.dtype in (torch.float16, torch.bfloat16) else loss.reshape(())
