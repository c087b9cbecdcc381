"""The paired bootstrap agrees with SciPy, is reproducible, and handles edge cases."""

import math

import numpy as np
import pytest
from scipy import stats

from iqa_train.stats.bootstrap import Model, bootstrap
from iqa_train.stats.metrics import krcc, plcc, rmse, srcc
from iqa_train.stats.resamples import Resamples, generator

MEASURES = {"srcc": srcc, "krcc": krcc, "plcc": plcc, "rmse_fit": rmse}


def models(n: int, *noises: float, seed: int = 0) -> list[Model]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(60, 15, n)
    hard = rng.normal(size=n)
    return [Model(scores, scores + noise * (0.9 * hard + 0.43 * rng.normal(size=n)), np.arange(n)) for noise in noises]


@pytest.mark.parametrize("metric", MEASURES)
def test_draws_are_scipys_within_monte_carlo_error(metric: str) -> None:
    one, other = models(120, 10.0, 11.0)
    count, measure = 4000, MEASURES[metric]
    drawn = bootstrap([one, other], metric, Resamples(120, count, "test"))
    difference = drawn[0] - drawn[1]

    def statistic(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
        return measure(x, y) - measure(z, y)

    theirs = stats.bootstrap(
        (one.predictions, other.predictions, one.scores), statistic, paired=True, method="percentile",
        vectorized=False, n_resamples=count, rng=np.random.default_rng(1),
    )  # fmt: skip
    width = difference.std()
    low, high = np.quantile(difference, [0.025, 0.975])
    # The standard error of a 2.5 % quantile of 4,000 normal draws is 0.042 SD; of a difference of two, 0.06.
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.24 * width)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.24 * width)
    assert width == pytest.approx(theirs.standard_error, rel=0.06)


def test_the_values_are_the_same_every_time() -> None:
    pair = models(500, 5.0, 6.0)
    resamples = Resamples(500, 5000, "study/srcc")
    first = bootstrap(pair, "srcc", resamples)
    assert bootstrap(pair, "srcc", resamples).tobytes() == first.tobytes()
    assert bootstrap(pair, "srcc", Resamples(500, 5000, "other/srcc")).tobytes() != first.tobytes()


def test_a_model_has_the_same_resamples_with_any_others() -> None:
    one, two, three = models(80, 5.0, 6.0, 7.0)
    resamples = Resamples(80, 300, "k")
    together = bootstrap([one, two, three], "krcc", resamples)
    assert (bootstrap([three], "krcc", resamples)[0] == together[2]).all()


def test_the_stream_is_the_same_on_every_machine() -> None:
    assert generator("lr5e7/srcc", 3).integers(0, 2015, 5).tolist() == [1805, 173, 168, 610, 1450]


def test_every_image_is_drawn_with_replacement_as_often_as_any_other() -> None:
    counts = np.concatenate(list(Resamples(50, 4000, "k")), axis=1)
    assert counts.shape == (50, 4000)
    assert (counts.sum(axis=0) == 50).all()
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert np.abs(counts.mean(axis=1) - 1).max() < 5 * math.sqrt(1 / 4000)


def test_models_on_parts_of_the_images_share_the_draws_of_the_part() -> None:
    """Seeds whose random splits test different images: what is drawn is drawn for all of them."""
    whole = models(60, 5.0)[0]
    rows = np.arange(20, 60)
    part = Model(whole.scores[rows], whole.predictions[rows], rows)
    resamples = Resamples(60, 40, "k")
    drawn = bootstrap([whole, part], "srcc", resamples)[1]
    counts = resamples.counts(0)
    for j in range(40):
        written = np.repeat(rows, counts[rows, j].astype(int))
        assert drawn[j] == pytest.approx(srcc(whole.predictions[written], whole.scores[written]), abs=1e-12)


def test_no_resamples_is_no_work() -> None:
    assert bootstrap(models(30, 5.0), "srcc", Resamples(30, 0, "k")).shape == (1, 0)
