"""A loss of a user's own: what it is called with, what it may return, and the faults that a try finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from iqa_train.models.code_errors import OwnCodeError, OwnPlace
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.loss_probe import loss_faults, require_trainable
from iqa_train.training.own_loss import OwnLoss, import_loss
from iqa_train.training.targets import Targets

PLACE = OwnPlace("losses.py:fn", Path(__file__).parent)
RANGE = (0.0, 100.0)


def own(function: Callable[..., Any], **options: object) -> OwnLoss:
    return OwnLoss(function, PLACE, options)


def squared(predicted: Tensor, scores: Tensor, *, factor: float = 1.0) -> Tensor:
    return factor * (predicted - scores).square().mean()


def root(predicted: Tensor, scores: Tensor) -> Tensor:
    return (predicted - scores).abs().sqrt().mean()


def ratio(predicted: Tensor, scores: Tensor) -> Tensor:
    return (predicted - scores).square().mean() / scores.var()


def correlation(predicted: Tensor, scores: Tensor) -> Tensor:
    a, b = predicted - predicted.mean(), scores - scores.mean()
    return 1 - (a * b).sum() / (a.square().sum().sqrt() * (b.square().sum().sqrt() + 1e-6))


def by_gaps(predicted: Tensor, scores: Tensor) -> Tensor:
    i, j = torch.triu_indices(len(scores), len(scores), 1)
    return ((predicted[i] - predicted[j]) / (scores[i] - scores[j])).square().mean()


def by_predicted_gaps(predicted: Tensor, scores: Tensor) -> Tensor:
    i, j = torch.triu_indices(len(scores), len(scores), 1)
    return squared((predicted[i] - predicted[j]).square().sqrt(), (scores[i] - scores[j]).abs())


def ranks(predicted: Tensor, scores: Tensor) -> Tensor:
    return (predicted.argsort().argsort() - scores.argsort().argsort()).float().square().mean()


def five_worst(predicted: Tensor, scores: Tensor) -> Tensor:
    predicted -= scores
    return predicted.abs().topk(5).values.mean()


def drifting(predicted: Tensor, scores: Tensor, calls: list[int] = []) -> Tensor:  # noqa: B006
    calls.append(1)
    return squared(predicted, scores) * len(calls)


def broken(predicted: Tensor, scores: Tensor) -> Tensor:
    return squared(predicted, scores[:3])


FAULTS: list[tuple[Callable[..., Any], set[tuple[str, str]], str]] = [
    (squared, set(), ""),
    (root, {("loss-not-finite-when-exact", "warning")}, "its gradient is not finite where all predictions are exact"),
    (ratio, {("loss-not-finite-at-constants", "warning")}, "it is inf where all scores of a batch are the same"),
    (correlation, {("loss-not-finite-at-constants", "warning")}, "it is nan where all predictions of a batch are"),
    (by_gaps, {("loss-not-finite-at-ties", "error"), ("loss-not-finite-at-constants", "warning")},
     "where images have the same score, as all crops of one image do"),
    (by_predicted_gaps, {("loss-not-finite-at-ties", "error"), ("loss-not-finite-at-constants", "warning")},
     "its gradient is not finite where images have the same prediction"),
    (five_worst, {("loss-fails-on-two-crops", "warning")}, "it does so on a batch of two crops, as the last"),
    (ranks, {("loss-without-gradient", "error")}, "without .item(), .detach(), .numpy(), argsort"),
    (drifting, {("loss-not-deterministic", "warning")}, "for the same batch and random seed"),
    (lambda p, s: squared(p.detach(), s), {("loss-without-gradient", "error")}, "nothing would be learned"),
    (lambda p, s: squared(p, s) * float("nan"), {("loss-not-finite", "error")}, "it is nan on an ordinary batch"),
    (lambda p, s: (p - s) ** 2, {("loss-fails", "error")}, "returns shape (12,); it must return one number"),
    (lambda p, s: (p > s).sum(), {("loss-fails", "error")}, "returns int64 numbers, which have no gradient"),
    (lambda p, s: squared(p, s).item(), {("loss-fails", "error")}, "returns float, not a tensor"),
    (broken, {("loss-fails", "error")}, "test_own_loss.py, line"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "found", "says"), FAULTS)
def test_a_try_finds_each_fault_once(function: Callable[..., Any], found: set[tuple[str, str]], says: str) -> None:
    faults = loss_faults(own(function), RANGE, batch_size=96)
    assert {(fault.code, fault.severity) for fault in faults} == found
    assert all(fault.message.startswith("losses.py:fn") for fault in faults)
    assert says in " ".join(fault.message for fault in faults)


def test_only_a_loss_that_cannot_train_stops_a_run() -> None:
    for function in (squared, root, ratio, correlation, by_gaps, by_predicted_gaps, five_worst, drifting):
        require_trainable(own(function), RANGE, batch_size=96)
    for function in (ranks, broken):
        with pytest.raises(OwnCodeError, match=r"losses\.py:fn"):
            require_trainable(own(function), RANGE, batch_size=96)


def test_a_fault_names_the_line_that_failed_and_none_of_ours() -> None:
    (fault,) = loss_faults(own(broken), RANGE, batch_size=96)
    lines = Path(__file__).read_text().splitlines()
    line = 1 + lines.index("    return factor * (predicted - scores).square().mean()")
    assert f"test_own_loss.py, line {line}, return factor * (predicted - scores)" in fault.message
    assert "own_loss.py, line" not in fault.message.replace("test_own_loss.py, line", "")


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("mine.py:Loss", "mine.py:Loss is a class; name a function of predictions and scores"),
        ("mine.py:squarde", 'mine.py has no function squarde; did you mean "squared"?'),
        ("other.py:squared", "other.py"),
        ("broken.py:fn", "broken.py, line 2"),
    ],
)
def test_a_loss_that_cannot_be_imported_says_why(tmp_path: Path, reference: str, says: str) -> None:
    (tmp_path / "mine.py").write_text("class Loss:\n    pass\ndef squared(p, s):\n    return ((p - s) ** 2).mean()\n")
    (tmp_path / "broken.py").write_text("def fn(p, s):\n    return (p - s\n")
    with pytest.raises(OwnCodeError) as refused:
        import_loss(TrainingConfig(loss_type=reference), tmp_path)
    assert says in str(refused.value)
    found = import_loss(TrainingConfig(loss_type="mine.py:squared"), tmp_path)
    assert found is not None
    assert found(torch.tensor([1.0, 4.0]), Targets(torch.tensor([0.0, 2.0]), RANGE)).item() == 2.5
    assert import_loss(TrainingConfig(loss_type="nin"), None) is None


def test_options_and_context_are_passed_by_keyword() -> None:
    seen: dict[str, Any] = {}

    def fn(predicted: Tensor, scores: Tensor, *, context: Targets, weight: float = 1.0) -> Tensor:
        seen.update(context=context, weight=weight)
        return weight * (predicted - scores).square().mean()

    targets = Targets(torch.tensor([1.0, 2.0]), RANGE, torch.tensor([0.5, 0.5]))
    predicted = torch.tensor([2.0, 3.0])
    assert own(fn, weight=3.0)(predicted, targets).item() == 3
    assert (seen["weight"], seen["context"]) == (3.0, targets)


def test_a_function_may_change_its_arguments() -> None:
    leaf, scores = torch.arange(8.0).requires_grad_(), torch.arange(8.0).flip(0)
    predicted = leaf * 1
    own(five_worst)(predicted, Targets(scores, RANGE)).backward()
    assert predicted.tolist() == list(range(8))
    assert scores.tolist() == list(range(7, -1, -1))
    assert leaf.grad is not None and leaf.grad.abs().sum() == pytest.approx(1)


def test_a_batch_without_pairs_has_a_gradient_of_zero() -> None:
    def pairs(predicted: Tensor, scores: Tensor) -> Tensor:
        differ = scores[:, None] != scores
        return (predicted[:, None] - predicted)[differ].abs().mean() if differ.any() else torch.tensor(0.0)

    predicted = torch.tensor([1.0, 2.0], requires_grad=True)
    own(pairs)(predicted, Targets(torch.tensor([4.0, 4.0]), RANGE)).backward()
    assert predicted.grad is not None and predicted.grad.tolist() == [0, 0]
    assert loss_faults(own(pairs), RANGE, batch_size=96) == []
