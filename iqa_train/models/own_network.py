"""A network of a user's own as the trainer uses it: crops to scores, its faults named by its own lines."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from iqa_train.models.code_errors import OwnCodeError, OwnPlace, WrongScoresError, blaming
from iqa_train.models.parameter_groups import ParameterGroup, declared_groups, default_groups

Normalisation = tuple[Sequence[float], Sequence[float]]
"""Mean and deviation of red, green and blue."""


class OwnNetwork(nn.Module):
    """Wraps the module that `build` returned.

    The scores are the module's plus the mean score of the training images, unless it has a method `start_at(score)`
    of its own, which is called with that mean instead.
    """

    offset: Tensor

    def __init__(self, module: nn.Module, place: OwnPlace, normalisation: Normalisation) -> None:
        """`normalisation` is that of the crops, which are given the module's own `mean` and `std` if it has them.

        Raises OwnCodeError for attributes that cannot be used.
        """
        super().__init__()
        self.module = module
        self.register_buffer("offset", torch.zeros(()))
        self.place = place
        _require_trainable(module, place)
        with blaming(place, "being asked for its mean and std"):
            self.asked = _asked(module, place, normalisation)
        self._change = None if self.asked is None else _change(normalisation, self.asked)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalised crops (B, 3, P, P) -> scores (B,) on the data set's scale. Raises OwnCodeError."""
        with blaming(self.place, "scoring crops"):
            if self._change is not None:
                scale, shift = (torch.tensor(part, device=crops.device)[:, None, None] for part in self._change)
                crops = crops * scale + shift
            scores = self.module(crops)
        require_scores(scores, len(crops), self.place)
        return scores.reshape(len(crops)).float() + self.offset  # type: ignore[no-any-return]

    def start_at(self, score: float) -> None:
        """Make the first predictions come out near `score`."""
        own = getattr(self.module, "start_at", None)
        if callable(own):
            with blaming(self.place, "starting at the mean score"):
                own(score)
        else:
            self.offset.fill_(score)

    def parameter_groups(self, lr_ratio: float) -> list[ParameterGroup]:
        """Those that the module declares, and for what it leaves out our backbone at 1 and the rest at `lr_ratio`."""
        with blaming(self.place, "being asked for its parameter groups"):
            declared = declared_groups(self.module, self.place)
        taken = {name for group in declared for name in group.names}
        shifted = [group.under("module.") for group in declared]
        rest = default_groups(self, lr_ratio, without={f"module.{name}" for name in taken})
        return [*rest, *shifted]


def require_scores(scores: Any, crops: int, place: OwnPlace) -> None:  # noqa: ANN401
    """Raise WrongScoresError unless `scores` are real numbers of shape (B,) or (B, 1)."""
    if not isinstance(scores, Tensor):
        raise WrongScoresError(
            f"{place.reference} returns {type(scores).__name__}, not a tensor of scores (B,) or (B, 1)"
        )
    shape = tuple(scores.shape)
    if shape not in {(crops,), (crops, 1)} and not (crops == 1 and shape == ()):
        raise WrongScoresError(
            f"{place.reference} returns shape {shape} for {crops} crops; it must return scores ({crops},) or "
            f"({crops}, 1), one for each crop"
        )
    if not scores.is_floating_point():
        kind = str(scores.dtype).removeprefix("torch.")
        raise WrongScoresError(f"{place.reference} returns {kind} numbers, which have no gradient; return floats")


def _require_trainable(module: nn.Module, place: OwnPlace) -> None:
    """Raise OwnCodeError for parameters of another type than the one we train in, and for state that is no tensor."""
    for name, part in module.state_dict().items():
        if not isinstance(part, Tensor):
            kind = type(part).__name__
            raise OwnCodeError(f"{place.reference}: its state {name} is {kind}, which a checkpoint cannot hold")
    for name, value in module.named_parameters():
        if value.dtype != torch.float32:
            kind = str(value.dtype).removeprefix("torch.")
            raise OwnCodeError(
                f"{place.reference}: its parameter {name} is {kind}; parameters must be float32, also with precision "
                '= "bf16", where the network computes in bf16 with parameters of float32'
            )


def _asked(module: nn.Module, place: OwnPlace, given: Normalisation) -> Normalisation | None:
    """The normalisation that the module's `mean` and `std` ask for; None for that of the crops as they are given.

    Buffers and parameters of these names are the module's own business.
    """
    stored = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    wanted = [
        _three(getattr(module, name), name, place)
        if hasattr(module, name) and name not in stored and not callable(getattr(module, name)) else list(before)
        for name, before in zip(("mean", "std"), given, strict=True)
    ]  # fmt: skip
    mean, std = wanted
    if not all(value > 0 for value in std):
        raise OwnCodeError(f"{place.reference}: std = {std} must be above 0")
    return None if wanted == [list(part) for part in given] else (mean, std)


def _change(given: Normalisation, asked: Normalisation) -> tuple[list[float], list[float]]:
    """Scale and shift from crops of one normalisation to those of the other."""
    (mean, std), (own_mean, own_std) = given, asked
    scale = [s / own for s, own in zip(std, own_std, strict=True)]
    shift = [(m - own) / s for m, own, s in zip(mean, own_mean, own_std, strict=True)]
    return scale, shift


def _three(value: Any, name: str, place: OwnPlace) -> list[float]:  # noqa: ANN401
    numbers = value.flatten().tolist() if isinstance(value, Tensor) else value
    if isinstance(numbers, list | tuple) and len(numbers) == 3 and all(isinstance(n, int | float) for n in numbers):
        return [float(number) for number in numbers]
    raise OwnCodeError(f"{place.reference}: {name} = {value!r} must be three numbers, for red, green and blue")
