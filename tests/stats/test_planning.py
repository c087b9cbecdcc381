"""What a study can show: power against the specification's figures and against simulated studies, and how to spend."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from iqa_train.stats.planning import (
    Seeds,
    Spread,
    Undecided,
    assured_seeds,
    best_baseline_share,
    enough_seeds,
    floor,
    half_widths,
    power,
    smallest_difference,
    smallest_margin,
)
from iqa_train.stats.spending import Target, spend

KONIQ = Spread(0.0017**2, 0.0042**2)
"""Of SRCC on 2,015 images, with runs that vary by 0.003."""


def test_the_smallest_difference_falls_with_the_seeds_towards_a_floor() -> None:
    found = [smallest_difference(k, KONIQ, 4) for k in (3, 5, 10, 20, 500)]
    assert found == pytest.approx([0.0142, 0.0099, 0.0075, 0.0066, 0.0057], abs=0.0001)
    assert floor(KONIQ.shared, 4) == pytest.approx(0.0057, abs=0.00005)
    assert floor(KONIQ.with_images(2).shared, 4) == pytest.approx(0.0040, abs=0.00005)
    assert smallest_difference(1, KONIQ, 4) == inf


def test_the_smallest_margin_is_nearly_three_standard_deviations_of_the_images_for_one_experiment() -> None:
    assert smallest_margin(1.0) == pytest.approx(2.93, abs=0.01)
    assert smallest_margin(1.0, 4) == pytest.approx(3.52, abs=0.01)


def test_power_is_the_probability_at_which_the_smallest_difference_is_defined() -> None:
    for k in (2, 3, 7):
        assert power(smallest_difference(k, KONIQ, 4), k, KONIQ, 4) == pytest.approx(0.8, abs=0.005)
    k = enough_seeds(0.0095, KONIQ, 4, most=20)
    assert k is not None and power(0.0095, k, KONIQ, 4) >= 0.8 > power(0.0095, k - 1, KONIQ, 4)
    assert enough_seeds(0.005, KONIQ, 4, most=100) is None, "it is below the floor"


def test_no_number_of_seeds_finds_a_difference_of_zero_more_often_than_its_level() -> None:
    assert power(0.0, 10, KONIQ, 1) == pytest.approx(0.05, abs=0.01)
    assert power(0.0, 3, KONIQ, 4) < 0.0125
    assert power(0.01, 1, KONIQ, 4) == 0.0, "one seed shows nothing of a component"


def test_half_widths_run_from_the_normal_to_the_t_quantile() -> None:
    assert half_widths(np.array([0.0]), 1.0, 4, 0.05)[0] == pytest.approx(1.96, abs=0.001)
    assert half_widths(np.array([1.0]), 0.0, 4, 0.05)[0] == pytest.approx(2.776, abs=0.001)
    both = half_widths(np.array([0.7]), 1.0, 4, 0.0125)[0]
    draws = np.random.default_rng(1)
    together = draws.standard_normal(2_000_000) + 0.7 * draws.standard_t(4, 2_000_000)
    assert np.mean(np.abs(together) > both) == pytest.approx(0.0125, abs=0.0004)


def test_a_baseline_with_more_seeds_helps_the_less_the_more_runs_with_common_seeds_agree() -> None:
    assert [round(best_baseline_share(rho, 4), 2) for rho in (0, 0.3, 0.5, 0.8)] == [2.0, 1.47, 1.15, 1.0]
    assert Seeds(3, 3, 0.4).share == pytest.approx(1 / 3)
    assert [round(1 - 3 * Seeds(3, 6, rho).share, 2) for rho in (0, 0.5, 0.8)] == [0.25, 0.12, 0.05]
    assert power(0.008, Seeds(3, 6), KONIQ, 4) > power(0.008, 3, KONIQ, 4)


def test_hours_go_to_the_seeds_that_add_most() -> None:
    spread = Spread(0.0015**2, 0.003**2)
    targets = [Target(effect, spread, 1200.0) for effect in (0.002, 0.006, 0.02)]
    found = spend(targets, Target(0, spread, 1200.0), 7 * 3600)
    assert found.enough and found.seconds <= 7 * 3600
    out_of_reach, middling, easy = found.seeds
    assert middling > out_of_reach and middling > easy >= 3
    assert found.baseline >= middling
    assert found.powers[1] > power(0.006, 3, spread, 3)
    none = spend(targets, Target(0, spread, 1200.0), 3600)
    assert not none.enough and none.seeds == (3, 3, 3)
    paid = [replace(one, done=3) for one in targets]
    assert spend(paid, Target(0, spread, 1200.0, done=3), 1.0).seconds == 0, "three seeds each are there"


LEFT_OPEN = Undecided(0.006, 3, Spread(0.001**2, 0.003**2), 6, own=0.003**2, experiments=4, level=0.0125)


def test_a_number_of_seeds_is_named_only_with_80_percent_assurance() -> None:
    k = assured_seeds(LEFT_OPEN)
    assert k is not None and LEFT_OPEN.assurance(k) >= 0.8 > LEFT_OPEN.assurance(k - 1)
    assert assured_seeds(replace(LEFT_OPEN, difference=0.003)) is None
    assert assured_seeds(LEFT_OPEN, most=k - 1) is None
    assert assured_seeds(replace(LEFT_OPEN, difference=-0.006)) == k
    noisier = assured_seeds(replace(LEFT_OPEN, spread=Spread(0.001**2, 0.004**2), own=0.004**2))
    assert noisier is None or noisier > k
