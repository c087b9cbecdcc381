"""The variance over seeds: by hand, and how close it comes."""

import numpy as np
import pytest

from iqa_train.stats.seed_variance import moderated, pooled


def test_the_others_count_as_two_degrees_of_freedom_together() -> None:
    found = moderated(4.0, 3, [(1.0, 3), (3.0, 2)])
    assert (found.variance, found.degrees) == (pytest.approx((2 * 2 + 2 * 4) / 4), 4)
    many = moderated(4.0, 3, [(2.0, 10)] * 9)
    assert (many.variance, many.degrees) == (pytest.approx((2 * 2 + 2 * 4) / 4), 4)


def test_one_other_with_two_seeds_counts_as_the_degree_of_freedom_that_it_has() -> None:
    found = moderated(4.0, 2, [(1.0, 2), (99.0, 1)])
    assert (found.variance, found.degrees) == (pytest.approx(2.5), 2)


def test_alone_it_is_the_variance_itself() -> None:
    found = moderated(4.0, 5, [])
    assert (found.variance, found.degrees) == (4.0, 4)


def test_a_pooled_one_weights_by_degrees_of_freedom() -> None:
    found = pooled([(1.0, 5), (4.0, 3), (50.0, 1)])
    assert found is not None
    assert (found.variance, found.degrees) == (pytest.approx((4 * 1 + 2 * 4) / 6), 6)
    few = pooled([(1.0, 30)], 10.0)
    assert few is not None and few.degrees == 10
    assert pooled([(1.0, 1)]) is None and pooled([]) is None


def test_moderation_brings_it_closer_to_the_truth() -> None:
    """The root mean square error of the variance of three seeds."""
    values = np.random.default_rng(3).normal(size=(4000, 4, 3)).var(axis=2, ddof=1)
    alone = np.sqrt(np.mean((values[:, 0] - 1) ** 2))
    with_others = [moderated(one[0], 3, [(s2, 3) for s2 in one[1:]]).variance for one in values]
    assert np.sqrt(np.mean((np.array(with_others) - 1) ** 2)) < 0.65 * alone
    assert np.mean(with_others) == pytest.approx(1, abs=0.03)
