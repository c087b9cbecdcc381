"""The influence of an image is the derivative of the metric by its weight, and its squares sum to the variance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iqa_train.stats import metrics
from iqa_train.stats.bootstrap import Model, bootstrap
from iqa_train.stats.influence import jackknife_influence
from iqa_train.stats.registry import METRICS
from iqa_train.stats.resamples import Resamples
from iqa_train.stats.unit_influence import unit_influence

VALUE = {"srcc": "srcc", "krcc": "krcc", "plcc": "plcc", "plcc_fit": "plcc", "rmse_fit": "rmse"}
WEIGHT = 60  # copies of every image; a few more or fewer of one are a small change of its weight

coarse = st.integers(-2, 2).map(float)
fine = st.floats(-100, 100).map(lambda v: round(v, 2))
images = st.one_of(
    st.lists(st.tuples(coarse, coarse), min_size=4, max_size=10),
    st.lists(st.tuples(fine, fine), min_size=4, max_size=10),
    st.lists(st.tuples(fine, coarse), min_size=4, max_size=10),
)


def model(n: int, seed: int = 0, *, ties: bool = False) -> Model:
    rng = np.random.default_rng(seed)
    scores = rng.gamma(2.0, 10.0, n)
    predictions = scores + 6 * rng.normal(size=n)
    if ties:
        scores, predictions = np.round(scores, -1), np.round(predictions, -1)
    return Model(scores, predictions, np.arange(n))


def written_out(name: str, predictions: np.ndarray, scores: np.ndarray, copies: np.ndarray) -> float:
    value: float = getattr(metrics, VALUE[name])(np.repeat(predictions, copies), np.repeat(scores, copies))
    return value


@pytest.mark.parametrize("name", VALUE)
@given(pairs=images)
@settings(deadline=None, max_examples=15)
def test_it_is_the_derivative_by_the_weight_of_the_image(name: str, pairs: list[tuple[float, float]]) -> None:
    predictions, scores = (np.array(side) for side in zip(*pairs, strict=True))
    assume(np.ptp(predictions) > 1 and np.ptp(scores) > 1)
    n = len(scores)
    function = METRICS[name].influence
    assert function is not None
    found = function(predictions, scores)
    assert found.sum() == pytest.approx(0, abs=1e-9 * max(1.0, float(np.abs(found).max())))
    for k in range(n):
        more, fewer = (WEIGHT + change * np.eye(n, dtype=int)[k] for change in (1, -1))
        slope = (written_out(name, predictions, scores, more) - written_out(name, predictions, scores, fewer)) / 2
        # Of a weight w of everything, the derivative is 1 / w of that at weight 1.
        assert found[k] == pytest.approx(slope * WEIGHT, rel=0.02, abs=0.002 * max(1.0, float(np.abs(found).max())))


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("name", VALUE)
def test_its_squares_sum_to_the_variance_over_resamples(name: str, ties: bool) -> None:
    one = model(300, ties=ties)
    drawn = bootstrap([one], name, Resamples(300, 4000, "test"))[0]
    # The SD of 4,000 draws has a standard error of 1.1 %; terms of second order are a few percent of 300 images.
    assert np.sqrt(np.sum(unit_influence(one, name, 300) ** 2)) == pytest.approx(drawn.std(), rel=0.06)


@pytest.mark.parametrize("name", VALUE)
def test_that_of_a_reference_is_the_sum_over_its_images(name: str) -> None:
    one = model(240)
    of_reference = np.random.default_rng(1).integers(0, 12, 240)
    function = METRICS[name].influence
    assert function is not None
    alone = function(one.predictions, one.scores)
    together = unit_influence(replace(one, rows=of_reference), name, 13)
    assert together[:12] == pytest.approx([alone[of_reference == k].sum() for k in range(12)])
    assert together[12] == 0, "a reference without a tested image moves nothing"


@pytest.mark.parametrize("name", ["srcc", "plcc"])
@pytest.mark.parametrize("n", [300, 5000], ids=["each image left out", "groups left out"])
def test_leaving_out_gives_the_same_variance(name: str, n: int) -> None:
    """For metrics without a formula of their influence."""
    one = model(n)
    measure = METRICS[name].prepare(one.scores, [one.predictions])
    left_out = jackknife_influence(lambda counts: measure(counts)[0], one.rows, n)
    direct = unit_influence(one, name, n)
    assert np.sum(left_out**2) == pytest.approx(np.sum(direct**2), rel=0.1)  # larger to second order
    if n == 300:
        assert np.corrcoef(left_out, direct)[0, 1] > 0.999
