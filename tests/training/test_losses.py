"""Each loss against a readable loop, and in the edge cases that could break training."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.losses import soft_spearman, training_loss
from iqa_train.training.targets import Targets

ORIGINAL = ["l1", "l2", "srcc", "rank", "pairwise"]
KINDS = [*ORIGINAL, "soft_srcc", "margin_rank", "ranknet"]

value = st.floats(-5, 5).map(lambda v: round(v, 2))
batch = st.lists(st.tuples(value, st.integers(-3, 3).map(float)), min_size=1, max_size=12)


def loss(predicted: torch.Tensor, scores: torch.Tensor, kind: str, **settings: object) -> torch.Tensor:
    targets = Targets(scores, (0.0, 10.0))
    return training_loss(predicted, targets, TrainingConfig(loss_type=kind, **settings))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_loop(predicted: list[float], scores: list[float], kind: str, margin: float) -> float:
    """The definitions, pair by pair."""
    n = len(scores)
    match kind:
        case "l1":
            return sum(abs(p - s) for p, s in zip(predicted, scores, strict=True)) / n
        case "l2":
            return sum((p - s) ** 2 for p, s in zip(predicted, scores, strict=True)) / n
        case "srcc":
            p_mean, s_mean = sum(predicted) / n, sum(scores) / n
            both = sum((p - p_mean) * (s - s_mean) for p, s in zip(predicted, scores, strict=True))
            of_p, of_s = sum((p - p_mean) ** 2 for p in predicted), sum((s - s_mean) ** 2 for s in scores)
            return 1 - both / (math.sqrt(of_p) * math.sqrt(of_s) + 1e-8)
        case "rank" | "pairwise":
            return over_ordered_pairs(predicted, scores, kind)
        case "margin_rank" | "ranknet":
            return over_unordered_pairs(predicted, scores, kind, margin)
    if len(set(scores)) == 1:
        return 0.0
    spread = max(float(np.std(predicted)), 1e-6)
    soft = [sum(sigmoid((p - q) / (0.1 * spread)) for q in predicted) for p in predicted]
    a, b = np.array(soft) - np.mean(soft), rankdata(scores) - np.mean(rankdata(scores))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1 - float(a @ b) / norm if norm > 1e-9 else 1.0


def over_ordered_pairs(predicted: list[float], scores: list[float], kind: str) -> float:
    terms = []
    for p_i, y_i in zip(predicted, scores, strict=True):
        for p_j, y_j in zip(predicted, scores, strict=True):
            if abs(y_i - y_j) <= 1e-6:
                continue
            if kind == "rank":
                e = 1 if p_i >= p_j else -1
                terms.append(max(0.0, abs(p_i - p_j) - e * (y_i - y_j)))
            else:
                q, r = sigmoid(y_i - y_j), sigmoid(1.702 * (p_i - p_j) / (math.sqrt(2) * 0.1))
                terms.append(1 - math.sqrt(q * r + 1e-8) - math.sqrt((1 - q) * (1 - r) + 1e-8))
    return sum(terms) / len(terms) if terms else 0.0


def over_unordered_pairs(predicted: list[float], scores: list[float], kind: str, margin: float) -> float:
    terms = []
    for i in range(len(scores)):
        for j in range(i + 1, len(scores)):
            if scores[i] == scores[j]:
                continue
            better, worse = (i, j) if scores[i] > scores[j] else (j, i)
            short = margin - (predicted[better] - predicted[worse])
            terms.append(max(0.0, short) if kind == "margin_rank" else math.log1p(math.exp(short)))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("kind", KINDS)
@given(batch=batch, margin=st.sampled_from([0.0, 0.1, 2.0]))
def test_each_loss_equals_a_loop(kind: str, batch: list[tuple[float, float]], margin: float) -> None:
    predicted, scores = (list(side) for side in zip(*batch, strict=True))
    got = loss(
        torch.tensor(predicted, dtype=torch.float64), torch.tensor(scores, dtype=torch.float64), kind,
        ranking_loss_margin=margin, ranking_loss_alpha=0.0,
    )  # fmt: skip
    assert got.ndim == 0
    close = 1e-5 if kind == "soft_srcc" else 1e-12  # its ranks are counted in single precision
    assert float(got) == pytest.approx(by_loop(predicted, scores, kind, margin), abs=close)


@pytest.mark.parametrize(
    ("kind", "predicted", "scores", "expected"),
    [
        ("srcc", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0], 0.0),  # perfectly correlated
        ("srcc", [3.0, 2.0, 1.0], [10.0, 20.0, 30.0], 2.0),
        ("srcc", [1.0, 2.0, 4.0], [1.0, 2.0, 3.0], 1 - 3 / math.sqrt(28 / 3)),  # deviations -4/3, -1/3, 5/3
        ("srcc", [0.0, 1.0, 4.0], [0.0, 1.0, 8.0], 1 - 18 / math.sqrt(38 * 78 / 9)),  # no ranks: not 0
        ("rank", [0.0, 3.0], [0.0, 1.0], 2.0),  # in order, 2 further apart than the scores, both ways round
        ("rank", [0.0, 1.0], [0.0, 3.0], 0.0),  # in order and closer: nothing
        ("rank", [3.0, 0.0], [0.0, 1.0], 4.0),  # out of order: 3 + 1
        ("rank", [2.0, 2.0], [0.0, 1.0], 0.5),  # equal predictions count as e = 1: 1 one way, 0 the other
        ("pairwise", [5.0, 5.0], [0.0, 0.0], 0.0),  # no pair
        ("pairwise", [5.0, 5.0], [-40.0, 40.0], 1 - math.sqrt(0.5 + 1e-8) - 1e-4),  # r = 1/2, q = 0 or 1
    ],
)
def test_the_original_scripts_losses_by_hand(
    kind: str, predicted: list[float], scores: list[float], expected: float
) -> None:
    got = loss(
        torch.tensor(predicted, dtype=torch.float64), torch.tensor(scores, dtype=torch.float64), kind,
        ranking_loss_alpha=0.0,
    )  # fmt: skip
    assert float(got) == pytest.approx(expected, abs=2e-8)


def test_fidelity_is_least_where_both_preferences_agree() -> None:
    scores = torch.tensor([0.0, 0.7, 1.9], dtype=torch.float64)
    agreeing = scores * (math.sqrt(2) * 0.1 / 1.702)  # r = q, and sqrt(q q) + sqrt((1 - q)(1 - q)) = 1
    best = float(loss(agreeing, scores, "pairwise", ranking_loss_alpha=0.0))
    assert best == pytest.approx(0.0, abs=1e-6)
    for factor in (0.0, 0.5, 1.1, 3.0, -1.0):
        assert float(loss(agreeing * factor, scores, "pairwise", ranking_loss_alpha=0.0)) > best + 1e-4


@pytest.mark.parametrize("kind", ["srcc", "rank", "pairwise"])
def test_the_original_scripts_losses_have_no_margin(kind: str) -> None:
    predicted, scores = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])
    values = {float(loss(predicted, scores, kind, ranking_loss_alpha=0.0, ranking_loss_margin=m)) for m in (0, 0.1, 9)}
    assert len(values) == 1


@pytest.mark.parametrize("kind", KINDS)
@given(batch=batch, alpha=st.floats(0.01, 3))
def test_the_ranking_term_is_added_to_any_loss(kind: str, batch: list[tuple[float, float]], alpha: float) -> None:
    predicted, scores = (torch.tensor(side, dtype=torch.float64) for side in zip(*batch, strict=True))
    settings = {"ranking_loss_margin": 0.5}
    term = over_unordered_pairs(predicted.tolist(), scores.tolist(), "margin_rank", 0.5)
    alone = loss(predicted, scores, kind, ranking_loss_alpha=0.0, **settings)
    whole = loss(predicted, scores, kind, ranking_loss_alpha=alpha, **settings)
    assert float(whole) == pytest.approx(float(alone) + alpha * term, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "soft_srcc"])  # whose spread is held fixed
def test_gradients_equal_finite_differences(kind: str) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = 5 * torch.rand(7, generator=generator, dtype=torch.float64)
    predicted = (scores + 0.3 * torch.randn(7, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, scores, kind, ranking_loss_alpha=0.5), predicted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_reaches_the_predictions_and_leads_downhill(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = 10 * torch.rand(16, generator=generator)
    predicted = (scores + 4 * torch.randn(16, generator=generator)).requires_grad_()
    before = loss(predicted, scores, kind, ranking_loss_alpha=0.5)
    before.backward()
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad.abs().max() > 0
    with torch.no_grad():
        step = 1e-2 / predicted.grad.norm()
        after = loss(predicted - step * predicted.grad, scores, kind, ranking_loss_alpha=0.5)
    assert after < before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("predicted", "scores"),
    [
        ([3.0], [4.0]),
        ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        ([2.0, 2.0], [3.0, 3.0]),
        ([1e4, -1e4, 0.0], [1.0, 2.0, 3.0]),
        ([0.0, 1e-30, 2e-30], [1.0, 2.0, 3.0]),
    ],
    ids=["one", "constant scores", "constant predictions", "both constant", "far off", "nearly constant"],
)
def test_losses_are_finite_where_there_is_little_to_compare(
    kind: str, predicted: list[float], scores: list[float]
) -> None:
    leaf = torch.tensor(predicted, requires_grad=True)
    got = loss(leaf, torch.tensor(scores), kind, ranking_loss_alpha=0.5)
    got.backward()
    assert torch.isfinite(got)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("n", [2, 8, 96])
def test_soft_spearman_spans_its_range(n: int) -> None:
    scores = torch.arange(n, dtype=torch.float64)
    assert float(soft_spearman(scores * 7 + 3, scores)) < 0.05
    assert float(soft_spearman(-scores, scores)) > 1.95
    shuffled = scores[torch.randperm(n, generator=torch.Generator().manual_seed(1))]
    assert 0 <= float(soft_spearman(shuffled, scores)) <= 2 + 1e-6


@given(batch.filter(lambda b: len({p for p, _ in b}) > 1), st.sampled_from([1e-3, 0.1, 10.0, 1e6]), st.floats(-50, 50))
def test_soft_spearman_ignores_scale_and_offset(batch: list[tuple[float, float]], scale: float, offset: float) -> None:
    predicted, scores = (torch.tensor(side, dtype=torch.float64) for side in zip(*batch, strict=True))
    assert float(soft_spearman(predicted * scale + offset, scores)) == pytest.approx(
        float(soft_spearman(predicted, scores)), abs=1e-6
    )
