"""Several seeds: the uncertainty their spread adds, and how many are needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iqa_train.stats.bootstrap import interval_of
from iqa_train.stats.seed_uncertainty import SeedDraws, difference_of_means, mean_over_seeds, seeds_needed

B = 20_000
RNG = np.random.default_rng(8)


def test_one_seed_is_the_bootstrap_as_it_is() -> None:
    draws = RNG.normal(0.9, 0.01, (1, B))
    found = mean_over_seeds(SeedDraws(np.array([0.9]), draws, 10**6), "k")
    assert found.draws == pytest.approx(draws[0], abs=1e-6)
    assert (found.value, found.seeds, found.seed_sd, found.seed_variance) == (0.9, 1, None, None)
    assert found.image_variance == pytest.approx(0.01**2, rel=0.05)


def test_where_images_do_not_matter_it_is_the_t_test_over_seeds() -> None:
    values = np.array([0.901, 0.905, 0.897, 0.900])
    found = mean_over_seeds(SeedDraws(values, np.repeat(values[:, None], B, axis=1), 10**6), "k")
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=values.std(ddof=1) / 2)
    assert interval_of(found.draws) == pytest.approx(expected, abs=3e-4)
    assert found.seed_sd == pytest.approx(values.std(ddof=1))
    assert found.image_variance == pytest.approx(0, abs=1e-20)


def test_where_seeds_do_not_matter_it_is_the_bootstrap_over_images() -> None:
    draws = np.repeat(RNG.normal(0.9, 0.01, (1, B)), 3, axis=0)
    found = mean_over_seeds(SeedDraws(np.full(3, 0.9), draws, 10**6), "k")
    assert found.draws == pytest.approx(draws[0])
    assert found.seed_sd == 0


def test_what_seed_and_images_do_together_counts_once() -> None:
    """Each seed has its own luck with the images and nothing else: all of it is in the spread of the seeds."""
    k, luck = 8, 0.01
    draws = RNG.normal(0.9, luck, (k, B))
    found = mean_over_seeds(SeedDraws(0.9 + luck * stats.norm.ppf((np.arange(k) + 0.5) / k), draws, 10**6), "k")
    assert found.image_variance == pytest.approx(0, abs=0.02 * luck**2 / k)
    assert found.draws.std() < 1.3 * found.seed_sd / k**0.5


def test_without_a_common_seed_both_sides_spreads_count() -> None:
    one = SeedDraws(np.array([0.90, 0.92]), np.full((2, B), 0.91), 10**6)
    other = SeedDraws(np.array([0.80, 0.80, 0.83]), np.full((3, B), 0.81), 10**6)
    found = difference_of_means(one, other, "k")
    assert found.value == pytest.approx(0.91 - 0.81)
    assert found.seed_sd is None
    low, high = interval_of(found.draws)
    own = interval_of(mean_over_seeds(one, "k").draws)
    assert high - low > own[1] - own[0]


def test_the_same_key_gives_the_same_draws() -> None:
    side = SeedDraws(np.array([0.9, 0.91]), RNG.normal(0.9, 0.01, (2, 50)), 10**6)
    assert (mean_over_seeds(side, "k").draws == mean_over_seeds(side, "k").draws).all()
    assert (mean_over_seeds(side, "k").draws != mean_over_seeds(side, "other").draws).any()


def test_seeds_needed_by_hand() -> None:
    """With an SD of 0.002, 0.0025 needs 5 seeds (t = 2.776, so 0.00248), not 4 (t = 3.182, so 0.00318)."""
    assert seeds_needed(0.0025, 0.0, 0.002**2) == 5
    assert seeds_needed(-0.0025, 0.0, 0.002**2) == 5
    assert seeds_needed(0.05, 0.0, 0.002**2) == 2


def test_where_images_alone_hide_the_difference_no_seeds_would_do() -> None:
    assert seeds_needed(0.0018, 0.001**2, 0.002**2) is None, "1.96 x 0.001 is more than 0.0018"
    assert seeds_needed(0.0022, 0.001**2, 0.002**2) is not None
    assert seeds_needed(0.0, 0.0, 0.002**2) is None


def test_of_one_seed_all_is_taken_to_be_the_seeds() -> None:
    assert seeds_needed(0.002, 0.002**2, None) == seeds_needed(0.002, 0.0, 0.002**2)


@given(delta=st.floats(1e-4, 0.1), images=st.floats(0, 1e-3), seed=st.floats(1e-6, 0.1))
def test_the_number_is_enough_and_one_less_is_not(delta: float, images: float, seed: float) -> None:
    needed = seeds_needed(delta, images**2, seed**2)

    def enough(k: int) -> bool:
        return delta**2 > 1.959964**2 * images**2 + stats.t.ppf(0.975, k - 1) ** 2 * seed**2 / k

    if needed is not None:
        assert enough(needed)
        assert needed == 2 or not enough(needed - 1)
