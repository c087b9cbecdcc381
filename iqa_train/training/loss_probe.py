"""Tries an own loss on small batches: has it a gradient, and is it finite at ties, constant scores and predictions?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from iqa_train.models.code_errors import OwnCodeError, blaming
from iqa_train.study.findings import Severity
from iqa_train.training.network_trials import Fault
from iqa_train.training.own_loss import OwnLoss
from iqa_train.training.targets import Targets

_CROPS, _CATEGORIES = 12, 5
_Batch = tuple[Tensor, Targets]
CPU = torch.device("cpu")


def loss_faults(
    loss: OwnLoss, score_range: tuple[float, float], batch_size: int, device: torch.device = CPU
) -> list[Fault]:
    """What is wrong with the loss, on batches of up to 12 crops of made-up scores in the range; none if it is fine.

    The first fault that makes training impossible is reported alone. Torch's random stream is seeded anew.
    """
    try:
        return list(_faults(loss, _batch(score_range, batch_size, device)))
    except OwnCodeError as error:
        return [Fault("loss-fails", "error", str(error))]


def require_trainable(
    loss: OwnLoss, score_range: tuple[float, float], batch_size: int, device: torch.device = CPU
) -> None:
    """Raise OwnCodeError for a loss that fails, or that no network can be trained with."""
    for fault in loss_faults(loss, score_range, batch_size, device):
        if fault.code in ("loss-fails", "loss-without-gradient"):
            raise OwnCodeError(fault.message)


def _faults(loss: OwnLoss, batch: _Batch) -> Iterator[Fault]:
    name = loss.place.reference
    predicted, targets = batch
    value, gradient = _tried(loss, predicted, targets)
    if not gradient.any():
        says = (
            "its gradient is 0 for every crop of a batch of different scores and predictions, so nothing would be "
            "learned; compute it from `predicted` with torch alone, without .item(), .detach(), .numpy(), argsort or "
            "rounding"
        )
        yield Fault("loss-without-gradient", "error", f"{name}: {says}")
        return
    if not _finite(value, gradient):
        yield Fault("loss-not-finite", "error", f"{name}: {_what(value)} on an ordinary batch")
        return
    again, _ = _tried(loss, predicted, targets)
    if not torch.equal(value, again):
        says = f"{name}: it is {float(value):.6g} and then {float(again):.6g} for the same batch and random seed"
        yield Fault("loss-not-deterministic", "warning", f"{says}; a resumed run would end with other weights")
    for code, severity, special, words in _special(predicted, targets):
        try:
            value, gradient = _tried(loss, *special)
        except OwnCodeError as error:
            yield Fault(code, severity, f"{error}; it does so {words}")
            continue
        if not _finite(value, gradient):
            says = f"{name}: {_what(value)} {words}; a run would end at such a batch, which a small number added below "
            says += "a root or to a divisor avoids"
            yield Fault(code, severity, says)


def _special(predicted: Tensor, targets: Targets) -> Iterator[tuple[str, Severity, _Batch, str]]:
    half = len(predicted) // 2
    twice = torch.arange(len(predicted)) % max(half, 1)
    tied = "where images have the same score, as all crops of one image do"
    yield "loss-not-finite-at-ties", "error", (predicted, targets[twice]), tied
    equal = "where images have the same prediction"
    yield "loss-not-finite-at-ties", "error", (predicted[twice], targets), equal
    exact = "where all predictions are exact"
    yield "loss-not-finite-when-exact", "warning", (targets.scores.clone(), targets), exact
    if len(predicted) > 2:
        few = "on a batch of two crops, as the last of an epoch may be"
        yield "loss-fails-on-two-crops", "warning", (predicted[:2], targets[:2]), few
    one = torch.zeros(len(predicted), dtype=torch.long)
    constant = "where all scores of a batch are the same"
    yield "loss-not-finite-at-constants", "warning", (predicted, targets[one]), constant
    constant = "where all predictions of a batch are the same"
    yield "loss-not-finite-at-constants", "warning", (predicted[one], targets), constant


def _batch(score_range: tuple[float, float], batch_size: int, device: torch.device) -> _Batch:
    """Predictions and targets of up to 12 crops on the device, with all opinions known."""
    generator = torch.Generator().manual_seed(0)
    crops, (low, high) = min(_CROPS, batch_size), score_range
    # Distinct multiples of a power of two, so that the mean of equal values is exact and their deviation 0.
    parts = torch.randperm(65, generator=generator)[:crops]
    scores = low + (high - low) * parts / 64
    errors = torch.randint(-4, 4, (crops,), generator=generator) + (torch.arange(crops) + 0.5) / 16
    predicted = scores + (high - low) * errors / 64
    shares = torch.rand(crops, _CATEGORIES, generator=generator)
    spread = (high - low) * (0.1 + 0.1 * torch.rand(crops, generator=generator))
    shares = shares / shares.sum(1, keepdim=True)
    return predicted.to(device), Targets(scores.to(device), score_range, spread.to(device), shares.to(device))


def _tried(loss: OwnLoss, predicted: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """The loss, a scalar, and its gradient (B,), after the same seed every time. Raises OwnCodeError."""
    leaf = predicted.clone().requires_grad_()
    torch.manual_seed(0)
    value = loss(leaf * 1, targets)  # not a leaf, like a network's predictions
    with blaming(loss.place, "computing the gradient of the loss"):
        (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient


def _finite(value: Tensor, gradient: Tensor) -> bool:
    return bool(torch.isfinite(value)) and bool(torch.isfinite(gradient).all())


def _what(value: Tensor) -> str:
    return "its gradient is not finite" if torch.isfinite(value) else f"it is {float(value)}"
