"""Intervals that hold at every number of seeds at once, without a last look."""

from math import inf, log, sqrt

import numpy as np
import pytest
from scipy import stats

from iqa_train.stats.e_process import EProcess

IMAGES, SPREAD, STUDIES = 0.0015, 0.003, 400


def e_value(t: float, k: int) -> float:
    """The likelihood ratio by numerical integration over the effect, which is normal with variance 1."""
    effects = np.linspace(-6, 6, 2001)
    given = stats.nct.pdf(t, k - 1, effects * sqrt(k))
    return float(np.trapezoid(given * stats.norm.pdf(effects), effects) / stats.t.pdf(t, k - 1))


@pytest.mark.parametrize("k", [4, 5, 10])
def test_the_edge_of_the_interval_is_where_the_evidence_is_one_in_alpha(k: int) -> None:
    alpha = 0.4
    half = EProcess(0.0, SPREAD**2, k, 0.0, 2000).half_width(alpha)
    assert log(e_value(half / (SPREAD / sqrt(k)), k)) == pytest.approx(log(2 / alpha), rel=1e-3)


def test_two_seeds_cannot_show_anything_at_the_usual_level() -> None:
    assert EProcess(1.0, SPREAD**2, 2, IMAGES**2, 2000).half_width(0.05) == inf
    assert EProcess(1.0, SPREAD**2, 2, IMAGES**2, 2000).p() > 0.05


@pytest.mark.parametrize("difference", [0.0005, 0.004, 0.02])
def test_p_is_below_the_level_where_the_interval_excludes_zero(difference: float) -> None:
    found = EProcess(difference, SPREAD**2, 8, IMAGES**2, 2000)
    for alpha in (0.01, 0.05, 0.2):
        low, high = found.interval(alpha)
        assert (found.p() < alpha) == (not low <= 0 <= high)
        assert (found.p_within(0.012) < alpha) == (low > -0.012 and high < 0.012)


def test_without_spread_only_the_images_count() -> None:
    found = EProcess(0.01, 0.0, 3, IMAGES**2, 10**6)
    assert found.half_width(0.05) == pytest.approx(stats.norm.ppf(1 - 0.05 / 4) * IMAGES, rel=1e-4)


@pytest.mark.parametrize("images", [0.0, IMAGES])
def test_all_intervals_of_a_study_hold_at_once(images: float) -> None:
    """Looks at 3 to 30 seeds; the spread of seeds is heavy-tailed no worse than normal, and unknown."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(STUDIES):
        d = rng.normal(0, SPREAD, 30) + rng.normal(0, images)
        looks = [EProcess(d[:k].mean(), d[:k].var(ddof=1), k, images**2, 2000) for k in range(3, 31)]
        held += all(abs(look.difference) <= look.half_width(0.05) for look in looks)
    assert held / STUDIES >= 0.95


@pytest.mark.slow
def test_what_it_costs_in_power() -> None:
    """One experiment, looks at 3 to 10 seeds; the shares of docs/statistics.md."""
    rng = np.random.default_rng(0)
    shares = {}
    for effect in (0.0, 0.002, 0.004, 0.008):
        found = 0
        for _ in range(1500):
            d = effect + rng.normal() * IMAGES + rng.normal(size=10) * SPREAD
            looks = [EProcess(d[:k].mean(), d[:k].var(ddof=1), k, IMAGES**2, 2015) for k in range(3, 11)]
            found += any(abs(look.difference) > look.half_width(0.05) for look in looks)
        shares[effect] = 100 * found / 1500
        print(f"effect {effect}: {shares[effect]:.1f} of 100")
    assert shares[0.0] <= 5 and shares[0.008] >= 50
