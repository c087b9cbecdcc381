"""Metrics computed from counts equal those of the expanded resample, including ties."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from iqa_train.stats import metrics
from iqa_train.stats.resampled_kendall import pair_order, weighted_krcc
from iqa_train.stats.resampled_metrics import groups_of, weighted_plcc, weighted_rmse, weighted_srcc

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

ties = st.integers(-2, 2).map(float)
plain = st.floats(-100, 100).map(lambda v: round(v, 3))
images = st.one_of(
    st.lists(st.tuples(ties, ties, ties), min_size=2, max_size=30),
    st.lists(st.tuples(plain, plain, plain), min_size=2, max_size=30),
    st.lists(st.tuples(plain, ties, plain), min_size=2, max_size=30),
)

RANKED = ("srcc", "krcc")
PLAIN = {"plcc": weighted_plcc, "rmse": weighted_rmse}


def weighted(name: str, counts: np.ndarray, scores: np.ndarray, predictions: list[np.ndarray]) -> np.ndarray:
    if name == "srcc":
        return weighted_srcc(counts, groups_of(scores), [groups_of(p) for p in predictions])
    if name == "krcc":
        return weighted_krcc(counts, [pair_order(scores, p) for p in predictions])
    return PLAIN[name](counts, scores, np.stack(predictions))


@pytest.mark.parametrize("name", [*RANKED, *PLAIN])
@given(values=images, seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_multiplicities_are_as_good_as_written_out_resamples(
    name: str, values: list[tuple[float, float, float]], seed: int
) -> None:
    scores, *predictions = (np.array(side) for side in zip(*values, strict=True))
    n = len(scores)
    drawn = np.random.default_rng(seed).integers(0, n, (20, n))
    counts = np.stack([np.bincount(row, minlength=n) for row in drawn], axis=1)
    ours = weighted(name, counts, scores, predictions)
    measure = getattr(metrics, name)
    # Of three values far apart a resample may hold two close ones alone; PLCC has few digits then, the others have all.
    tolerance = 1e-4 if name == "plcc" else 1e-9
    for k, prediction in enumerate(predictions):
        for j, row in enumerate(drawn):
            assert ours[k, j] == pytest.approx(measure(prediction[row], scores[row]), abs=tolerance, nan_ok=True)


@pytest.mark.parametrize("name", RANKED)
def test_at_the_size_of_a_real_test_set_they_are_scipys_to_the_last_digits(name: str) -> None:
    rng = np.random.default_rng(3)
    n = 2015
    scores = np.round(rng.normal(60, 15, n), 1)  # ties
    predictions = [scores + rng.normal(0, 5, n), np.round(scores + rng.normal(0, 8, n))]
    drawn = rng.integers(0, n, (5, n))
    counts = np.stack([np.bincount(row, minlength=n) for row in drawn], axis=1)
    ours = weighted(name, counts, scores, predictions)
    scipys = {"srcc": stats.spearmanr, "krcc": stats.kendalltau}[name]
    for k, prediction in enumerate(predictions):
        theirs = [scipys(prediction[row], scores[row]).statistic for row in drawn]
        assert ours[k] == pytest.approx(theirs, abs=1e-13)


@pytest.mark.parametrize("name", RANKED)
def test_predictions_in_the_same_order_give_the_same_numbers_exactly(name: str) -> None:
    """So that a difference of nothing is nothing in every resample, and its p is 1."""
    rng = np.random.default_rng(4)
    scores = rng.normal(size=300)
    prediction = scores + rng.normal(size=300)
    counts = rng.multinomial(300, np.full(300, 1 / 300), size=50).T
    one, other = weighted(name, counts, scores, [prediction, np.exp(prediction)])
    assert (one == other).all()


@pytest.mark.parametrize("name", [*RANKED, "plcc"])
def test_a_resample_of_one_image_alone_is_undefined(name: str) -> None:
    counts = np.array([[0.0, 1.0], [3.0, 1.0], [0.0, 1.0]])
    undefined, defined = weighted(name, counts, np.array([1.0, 2.0, 4.0]), [np.array([2.0, 3.0, 9.0])])[0]
    assert math.isnan(undefined)
    assert defined > 0.9


def test_images_by_value_with_equal_ones_together() -> None:
    assert groups_of(np.array([3.0, 1.0, 2.0, 1.0])) == ((1, 3), (2,), (0,))
    assert groups_of(np.array([5.0])) == ((0,),)
