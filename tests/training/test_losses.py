"""Each loss against a loop that can be read, and at the edges where training would otherwise break."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.losses import soft_spearman, training_loss

KINDS = ["l1", "l2", "srcc", "rank", "pairwise"]

value = st.floats(-5, 5).map(lambda v: round(v, 2))
batch = st.lists(st.tuples(value, st.integers(-3, 3).map(float)), min_size=1, max_size=12)


def loss(predicted: torch.Tensor, scores: torch.Tensor, kind: str, **settings: object) -> torch.Tensor:
    return training_loss(predicted, scores, TrainingConfig(loss_type=kind, **settings))


def by_loop(predicted: list[float], scores: list[float], kind: str, margin: float) -> float:
    """The definitions, pair by pair."""
    n = len(scores)
    if kind == "l1":
        return sum(abs(p - s) for p, s in zip(predicted, scores, strict=True)) / n
    if kind == "l2":
        return sum((p - s) ** 2 for p, s in zip(predicted, scores, strict=True)) / n
    if kind in {"rank", "pairwise"}:
        terms = []
        for i in range(n):
            for j in range(i + 1, n):
                if scores[i] == scores[j]:
                    continue
                better, worse = (i, j) if scores[i] > scores[j] else (j, i)
                short = margin - (predicted[better] - predicted[worse])
                terms.append(max(0.0, short) if kind == "rank" else math.log1p(math.exp(short)))
        return sum(terms) / len(terms) if terms else 0.0
    if len(set(scores)) == 1:
        return 0.0
    spread = max(float(np.std(predicted)), 1e-6)
    soft = [sum(1 / (1 + math.exp(-(p - q) / (0.1 * spread))) for q in predicted) for p in predicted]
    a, b = np.array(soft) - np.mean(soft), rankdata(scores) - np.mean(rankdata(scores))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1 - float(a @ b) / norm if norm > 1e-9 else 1.0


@pytest.mark.parametrize("kind", KINDS)
@given(batch=batch, margin=st.sampled_from([0.0, 0.1, 2.0]))
def test_equal_to_a_loop(kind: str, batch: list[tuple[float, float]], margin: float) -> None:
    predicted, scores = (list(side) for side in zip(*batch, strict=True))
    got = loss(
        torch.tensor(predicted, dtype=torch.float64), torch.tensor(scores, dtype=torch.float64), kind,
        ranking_loss_margin=margin, ranking_loss_alpha=0.0,
    )  # fmt: skip
    assert got.ndim == 0
    assert float(got) == pytest.approx(by_loop(predicted, scores, kind, margin), abs=1e-5)


@pytest.mark.parametrize("kind", ["l1", "l2"])
@given(batch=batch, alpha=st.floats(0.01, 3))
def test_the_ranking_term_adds_alpha_times_margin_ranking(
    kind: str, batch: list[tuple[float, float]], alpha: float
) -> None:
    predicted, scores = (torch.tensor(side, dtype=torch.float64) for side in zip(*batch, strict=True))
    settings = {"ranking_loss_margin": 0.5}
    parts = loss(predicted, scores, kind, ranking_loss_alpha=0.0, **settings) + alpha * loss(
        predicted, scores, "rank", **settings
    )
    whole = loss(predicted, scores, kind, ranking_loss_alpha=alpha, **settings)
    assert float(whole) == pytest.approx(float(parts), rel=1e-9)


@pytest.mark.parametrize("kind", ["srcc", "rank", "pairwise"])
def test_the_ranking_term_is_not_added_to_what_ranks_already(kind: str) -> None:
    predicted, scores = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])
    assert loss(predicted, scores, kind, ranking_loss_alpha=0.0) == loss(
        predicted, scores, kind, ranking_loss_alpha=9.0
    )


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
def test_finite_where_there_is_little_to_compare(kind: str, predicted: list[float], scores: list[float]) -> None:
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
def test_soft_spearman_does_not_see_scale_or_offset(
    batch: list[tuple[float, float]], scale: float, offset: float
) -> None:
    predicted, scores = (torch.tensor(side, dtype=torch.float64) for side in zip(*batch, strict=True))
    assert float(soft_spearman(predicted * scale + offset, scores)) == pytest.approx(
        float(soft_spearman(predicted, scores)), abs=1e-6
    )
