"""RMSE*, outlier ratio, and the AUCs over pairs with DeLong's test, against plain computations."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from iqa_train.stats.opinions import Opinions, beyond_opinions, why_unusable
from iqa_train.stats.pair_auc import (
    better_or_worse,
    delong_p,
    different_or_similar,
    influence_of_better,
    influence_of_different,
    judged_pairs,
)

Array = np.ndarray


def made(images: int = 40, seed: int = 1, votes: tuple[int, int] = (5, 30)) -> tuple[Array, Array, Opinions]:
    """Scores on a grid, so that some are tied, two models' predictions (2, n) with ties, and opinions."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.uniform(20, 80, images))
    predictions = np.round(scores + rng.normal(0, 12, (2, images)))
    return scores, predictions, Opinions(rng.uniform(5, 25, images), rng.integers(*votes, images).astype(float))


def test_rmse_star_and_outlier_ratio_are_those_of_p1401() -> None:
    scores, (mapped, _), opinions = made(60)
    errors, outliers = [], 0
    for score, prediction, sd, votes in zip(scores, mapped, opinions.sd, opinions.votes, strict=True):
        interval = stats.t.ppf(0.975, votes - 1) * sd / math.sqrt(votes)
        errors.append(max(0.0, abs(score - prediction) - interval))
        outliers += abs(score - prediction) > interval
    reduced = beyond_opinions(mapped, scores, opinions, parameters=4)
    star = math.sqrt(sum(error**2 for error in errors) / (60 - 4))
    assert math.sqrt(np.mean((reduced - scores) ** 2)) == pytest.approx(star, rel=1e-9)
    assert 0 < outliers < 60
    assert np.mean(reduced != scores) == outliers / 60


@pytest.mark.parametrize(
    ("sd", "votes", "says"),
    [
        ([1.0, math.nan], [3, 3], "not finite"),
        ([1.0, -1.0], [3, 3], "negative"),
        ([1.0, 1.0], [3, 1], "1 images have fewer than two opinions"),
        ([1.0, 0.0], [3, 2], ""),
    ],
)
def test_opinions_without_an_interval_are_recognised(sd: list[float], votes: list[float], says: str) -> None:
    assert says in why_unusable(Opinions(np.array(sd), np.array(votes, dtype=float)))
    assert bool(says) == bool(why_unusable(Opinions(np.array(sd), np.array(votes, dtype=float))))


def verdict(scores: Array, opinions: Opinions, i: int, j: int) -> int:
    """1 if image i is significantly better than j, -1 if worse, else 0, by SciPy's test from summary statistics."""
    p = stats.ttest_ind_from_stats(
        scores[i], opinions.sd[i], opinions.votes[i], scores[j], opinions.sd[j], opinions.votes[j], equal_var=False
    ).pvalue
    return int(np.sign(scores[i] - scores[j])) if p < 0.05 else 0


def rises_by_class(predictions: Array, scores: Array, opinions: Opinions) -> dict[str, tuple[list[float], list[float]]]:
    """The two samples of each question, from every pair in turn."""
    different, similar, better = [], [], []
    for i, j in combinations(range(len(scores)), 2):
        sign, rise = verdict(scores, opinions, i, j), predictions[i] - predictions[j]
        (different if sign else similar).append(abs(rise))
        if sign:
            better.append(sign * rise)
    return {"different": (different, similar), "better": (better, [-one for one in better])}


def kernel(first: list[float], second: list[float]) -> Array:
    """(m, n): 1 where the first is larger, 1/2 where equal."""
    a, b = np.array(first)[:, None], np.array(second)[None, :]
    return (a > b) + 0.5 * (a == b)


def delong(kernels: tuple[Array, Array]) -> float:
    """Two-sided p by the covariance matrices of DeLong, DeLong and Clarke-Pearson."""
    m, n = kernels[0].shape
    s10 = np.cov(np.stack([one.mean(axis=1) for one in kernels]))
    s01 = np.cov(np.stack([one.mean(axis=0) for one in kernels]))
    contrast = np.array([1.0, -1.0])
    variance = contrast @ (s10 / m + s01 / n) @ contrast
    z = (kernels[0].mean() - kernels[1].mean()) / math.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("question", ["different", "better"])
def test_aucs_and_delongs_p_are_those_of_every_pair_in_turn(question: str, seed: int) -> None:
    scores, predictions, opinions = made(seed=seed)
    pairs = judged_pairs(scores, opinions)
    place = different_or_similar if question == "different" else better_or_worse
    found = [place(one, pairs) for one in predictions]
    kernels = tuple(kernel(*rises_by_class(one, scores, opinions)[question]) for one in predictions)
    for mine, plain in zip(found, kernels, strict=True):
        assert mine.auc == pytest.approx(plain.mean(), rel=1e-9)
    assert delong_p(found[:1], found[1:]) == pytest.approx(delong(kernels), rel=1e-9)
    means = tuple((one + other) / 2 for one, other in (kernels, kernels[::-1]))
    assert delong_p(found, found[::-1]) is None and np.allclose(*means)  # the mean over seeds is the same


@pytest.mark.parametrize("question", ["different", "better"])
def test_the_influence_is_the_derivative_by_the_weight_of_an_image(question: str) -> None:
    scores, (predictions, _), opinions = made(25)
    pairs = judged_pairs(scores, opinions)
    if question == "different":
        found = influence_of_different(different_or_similar(predictions, pairs), pairs)
    else:
        found = influence_of_better(better_or_worse(predictions, pairs), pairs)
    every = [(i, j, verdict(scores, opinions, i, j)) for i, j in combinations(range(25), 2)]

    def auc(weights: Array) -> float:
        ends = {
            "different": ([p for p in every if p[2]], [p for p in every if not p[2]]),
            "better": ([p for p in every if p[2]], [p for p in every if p[2]]),
        }[question]
        values, of_pair = [], []
        for side, sign in zip(ends, (1, -1), strict=True):
            rises = [(predictions[i] - predictions[j]) * (s or 1) for i, j, s in side]
            values.append([abs(r) for r in rises] if question == "different" else [sign * r for r in rises])
            of_pair.append(np.array([weights[i] * weights[j] for i, j, _ in side]))
        product = np.outer(*of_pair)
        return float((kernel(*values) * product).sum() / product.sum())

    step = 1e-5
    derivative = [(auc(1 + step * unit) - auc(1 - step * unit)) / (2 * step) for unit in np.eye(25)]
    assert found == pytest.approx(derivative, abs=1e-8)
    assert found.sum() == pytest.approx(0, abs=1e-12)


def test_of_many_images_so_many_pairs_are_drawn_with_each_image_in_as_many() -> None:
    scores, (predictions, _), opinions = made(300)
    drawn, every = judged_pairs(scores, opinions, most=9_000), judged_pairs(scores, opinions)
    ends = [np.concatenate([drawn.better, drawn.similar[0]]), np.concatenate([drawn.worse, drawn.similar[1]])]
    assert len({frozenset(pair) for pair in zip(*(end.tolist() for end in ends), strict=True)}) == 9_000
    assert set(np.bincount(np.concatenate(ends)).tolist()) == {60}
    for place, influence in (
        (different_or_similar, influence_of_different), (better_or_worse, influence_of_better)
    ):  # fmt: skip
        assert place(predictions, drawn).auc == pytest.approx(place(predictions, every).auc, abs=0.02)
        moved = [influence(place(predictions, pairs), pairs) for pairs in (drawn, every)]
        assert moved[0].sum() == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(moved[0]) == pytest.approx(np.linalg.norm(moved[1]), rel=0.1)


def test_where_a_class_is_empty_there_is_no_auc() -> None:
    scores, (predictions, _), opinions = made(10)
    agreed = judged_pairs(scores, Opinions(opinions.sd * 1e3, opinions.votes))
    assert math.isnan(better_or_worse(predictions, agreed).auc)
    assert math.isnan(different_or_similar(predictions, agreed).auc)


def test_images_on_which_all_raters_agree_differ_by_any_difference() -> None:
    pairs = judged_pairs(np.array([1.0, 2.0, 2.0]), Opinions(np.zeros(3), np.full(3, 5.0)))
    assert sorted(zip(pairs.better.tolist(), pairs.worse.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert [one.tolist() for one in pairs.similar] == [[1], [2]]


@pytest.mark.slow
def test_delongs_test_over_pairs_errs_far_too_often_and_the_influence_over_images_does_not() -> None:
    """Two equal models on 200 images; of 300 such studies, how many a test at 5 % takes for different."""
    studies, images, wrong = 300, 200, {"DeLong": [0, 0], "images": [0, 0]}
    for study in range(studies):
        rng = np.random.default_rng([17, study])
        scores = rng.uniform(0, 100, images)
        common = rng.normal(0, 8, images)
        models = [scores + common + rng.normal(0, 3, images) for _ in range(2)]
        pairs = judged_pairs(scores, Opinions(np.full(images, 20.0), np.full(images, 25.0)))
        for at, (place, influence) in enumerate(
            ((different_or_similar, influence_of_different), (better_or_worse, influence_of_better))
        ):
            one, other = (place(model, pairs) for model in models)
            spread = float(np.linalg.norm(influence(one, pairs) - influence(other, pairs)))
            p = delong_p([one], [other])
            assert p is not None
            wrong["DeLong"][at] += p < 0.05
            wrong["images"][at] += 2 * stats.norm.sf(abs(one.auc - other.auc) / spread) < 0.05
    for name, counts in wrong.items():
        shares = [f"{100 * count / studies:.1f}" for count in counts]
        print(f"{name}: wrong in {shares[0]} (different/similar) and {shares[1]} (better/worse) of 100")
    assert max(wrong["images"]) <= 0.09 * studies
    assert min(wrong["DeLong"]) >= 0.3 * studies
