"""The law of an estimate's error: against draws, against Student's t, and its promises for any numbers."""

from math import gamma, inf, pi, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from iqa_train.stats.error_law import Drawn, ErrorLaw, Normal
from iqa_train.stats.small_samples import widen

variances = st.floats(0, 4)
degrees = st.integers(1, 20).map(float)
differences = st.floats(-20, 20)


def law(images: float, seeds: float, of_seeds: float, alone: float | None = None) -> ErrorLaw:
    return ErrorLaw(Normal(images), Normal(images if alone is None else alone), seeds, of_seeds)


@pytest.mark.parametrize("known", [1, 2, 4, 9])
def test_without_images_part_p_and_interval_are_students(known: int) -> None:
    one = law(0.0, 0.25, known)
    for difference in (0.3, 1.0, 4.0):
        assert one.p(difference) == pytest.approx(2 * stats.t.sf(difference / 0.5, known), rel=1e-6)
        low, high = one.interval(difference)
        assert (high - difference) == pytest.approx(0.5 * stats.t.ppf(0.975, known), rel=1e-5)
        assert (difference - low) == pytest.approx(high - difference, rel=1e-5)


def test_without_a_spread_of_seeds_they_are_normal() -> None:
    one = ErrorLaw(Normal(4.0), Normal(4.0))
    assert one.p(3.92) == pytest.approx(0.05, abs=1e-4)
    assert one.interval(1.0) == pytest.approx((1 - 3.92, 1 + 3.92), abs=1e-3)
    assert one.p(40.0) == pytest.approx(2 * stats.norm.sf(20), rel=1e-6), "p has no floor"


def test_references_have_tails_of_students_t() -> None:
    one = ErrorLaw(Normal(1.0, 15), Normal(1.0, 15))
    assert one.p(2.5) == pytest.approx(2 * stats.t.sf(2.5, 15), rel=1e-6)


@pytest.mark.parametrize(("images", "seeds", "known"), [(1.0, 1.0, 2), (0.3, 1.0, 4), (1.0, 0.1, 3), (1.0, 0.5, 9.5)])
def test_both_parts_together_are_those_of_a_direct_simulation(images: float, seeds: float, known: float) -> None:
    draws, count = np.random.default_rng(7), 2_000_000
    errors = sqrt(images) * draws.standard_normal(count) + sqrt(seeds) * draws.standard_t(known, count)
    one = law(images, seeds, known)
    for x in (0.5, 1.5, 3.0, 6.0):
        share = float(np.mean(np.abs(errors) >= x))
        assert one.p(x) == pytest.approx(max(share, 2 * stats.norm.sf(x / sqrt(images))), abs=5 * sqrt(share / count))
        assert one.p(-x) == pytest.approx(one.p(x))
    margin, at = 2.0, 0.4  # the estimate would be at most 0.4 if the truth were 2 or more
    expected = float(np.mean(errors <= at - margin))
    assert one.p_beyond(at, margin) == pytest.approx(expected, abs=5 * sqrt(expected / count))


def test_within_a_margin_is_the_larger_of_two_one_sided_tests() -> None:
    one = law(0.0, 1.0, 4)
    assert one.p_beyond(0.5, 3.0) == pytest.approx(stats.t.sf(2.5, 4))
    assert one.p_beyond(-0.5, 3.0) == pytest.approx(one.p_beyond(0.5, 3.0), rel=1e-6)
    assert one.p_beyond(3.0, 3.0) == pytest.approx(0.5)
    assert one.p_beyond(5.0, 3.0) == pytest.approx(1 - stats.t.sf(2.0, 4))
    assert one.bound(1.0) == pytest.approx(1 + stats.t.ppf(0.95, 4), rel=1e-5)


@given(variances, variances, degrees, st.floats(0, 4), differences, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_excludes_zero_exactly_where_p_is_below_its_level(
    images: float, seeds: float, known: float, more: float, difference: float, level: float
) -> None:
    assume(images + seeds > 1e-6)
    one = law(images, seeds, known, images + more)
    low, high = one.interval(difference, level)
    p, excludes = one.p(difference), not low <= 0 <= high
    assume(abs(p - (1 - level)) > 1e-4)
    assert (p < 1 - level) == excludes


@given(variances, variances, degrees, st.floats(0, 4), differences)
def test_it_is_never_surer_than_the_images_alone_allow(
    images: float, seeds: float, known: float, more: float, difference: float
) -> None:
    whole = images + more
    assume(whole > 1e-6)
    one, alone = law(images, seeds, known, whole), ErrorLaw(Normal(whole), Normal(whole))
    assert one.p(difference) >= alone.p(difference) - 1e-12
    (low, high), (inner_low, inner_high) = one.interval(difference), alone.interval(difference)
    assert low <= inner_low + 1e-5 * (1 + abs(inner_low)) and high >= inner_high - 1e-5 * (1 + abs(inner_high))
    if abs(difference) < 2:
        assert one.p_beyond(difference, 2.0) >= alone.p_beyond(difference, 2.0) - 1e-12


@pytest.mark.slow
def test_small_p_have_digits_too() -> None:
    """As of many experiments: their p are compared with small levels."""
    for images in (1e-4, 0.25, 0.9, 1.1, 4.0, 1e4):
        for known in (1, 2, 3, 4.5, 10):
            one = law(images, 1.0, known)
            for x in np.array([0.1, 1.0, 5.0, 15.0]) * sqrt(1 + images):
                assert one.above(x) == pytest.approx(integrated(x, images, known), rel=0.01, abs=1e-13)


def integrated(x: float, images: float, known: float) -> float:
    """P(E + t >= x) by SciPy's adaptive quadrature, in s for t = sinh(s)."""

    def at(s: float) -> float:
        t = np.sinh(s)
        value: float = stats.norm.sf((x - t) / sqrt(images)) * np.cosh(s) * (1 + t * t / known) ** (-(known + 1) / 2)
        return value

    points = [-1.0, 0.0, 1.0, float(np.arcsinh(x))]
    whole: float = integrate.quad(at, -20, 20, points=points, limit=500, epsabs=0, epsrel=1e-6)[0]
    norm = gamma((known + 1) / 2) / (sqrt(known * pi) * gamma(known / 2))
    return whole * norm


@given(variances, st.floats(0.01, 4), degrees)
def test_p_falls_from_one_as_the_difference_grows(images: float, seeds: float, known: float) -> None:
    one = law(images, seeds, known)
    values = [one.p(x) for x in (0.0, 0.1, 0.5, 1.0, 3.0, 10.0)]
    assert (np.diff(values) <= 1e-12).all() and values[0] == pytest.approx(1) and values[-1] >= 0


def test_draws_of_few_units_give_their_percentiles() -> None:
    """Of a skewed law, where a normal one would err on both sides."""
    draws = np.random.default_rng(2).gamma(1.5, 1.0, 10_000)
    errors = Drawn(draws - draws.mean(), 40)
    one = ErrorLaw(errors, errors)
    wide = widen(draws, 40)
    assert one.interval(float(draws.mean())) == pytest.approx(tuple(np.quantile(wide, [0.025, 0.975])), rel=0.01)
    assert one.p(1.0) == pytest.approx(2 * np.mean(draws.mean() - wide >= 1.0), abs=0.01)
    far = one.p(30.0)
    assert 0 < far < one.p(5.0) <= 2 * 20 / 10_000 + 1e-9, "beyond the draws, p still falls"


def test_draws_without_spread_have_no_width() -> None:
    errors = Drawn(np.zeros(100), 10)
    assert ErrorLaw(errors, errors).interval(0.2) == (0.2, 0.2)
    assert errors.variance == 0


def test_an_interval_that_nothing_bounds_is_infinite() -> None:
    nothing = Drawn(np.array([np.nan, np.nan]), 10)
    for one in (ErrorLaw(nothing, nothing), ErrorLaw(nothing, nothing, 1.0, 4)):
        assert one.interval(0.0) == (-inf, inf) and one.p(5.0) == 1
