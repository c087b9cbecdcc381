"""Differences over seeds: what seeds they use, and whether their error has the variance that is claimed."""

import numpy as np
import pytest

from iqa_train.stats.contrast import Side, correlation_over_seeds, of_means, paired, shared_seeds
from tests.stats.simulated_runs import Setting, simulated, study


def side(seeds: tuple[int, ...], values: list[float], influence: list[list[float]] | None = None) -> Side:
    moved = np.array(influence) if influence else np.zeros((len(seeds), 2))
    return Side(seeds, np.array(values), moved, 1001)


def test_shared_seeds_pair_in_the_experiments_order() -> None:
    base, one = side((1, 2, 3), [0.1, 0.2, 0.3]), side((3, 1), [0.5, 0.4])
    found = paired(one, base)
    assert shared_seeds(one, base) == found.shared == (3, 1)
    assert found.differences == pytest.approx([0.2, 0.3])
    assert found.variance == pytest.approx(0.005)


def test_without_correlation_the_baselines_other_seeds_count_as_much_as_the_shared() -> None:
    base, one = side((1, 2, 3, 4), [0.1, 0.2, 0.3, 0.6]), side((1, 2), [0.4, 0.6])
    assert paired(one, base).value == pytest.approx(0.5 - 0.3)
    assert paired(one, base).share == pytest.approx((1 + 2 / 4) / 2 / 2)


def test_with_much_correlation_pairs_count_nearly_alone() -> None:
    base, one = side((1, 2, 3, 4), [0.1, 0.2, 0.3, 0.6]), side((1, 2), [0.4, 0.6])
    assert paired(one, base, rho=0.9).value == pytest.approx(0.5 - 0.9 * 0.15 - 0.1 * 0.3)
    assert paired(one, base, rho=0.9).share == pytest.approx((1.9 + 0.1 * 2 / 4) / 2 / 2)
    assert paired(one, base.only((1, 2)), rho=0.9).share == pytest.approx(1 / 2), "as many: a mean over pairs"


def test_without_shared_seeds_the_means_are_compared() -> None:
    found = of_means(side((1, 2), [0.4, 0.6]), side((3, 4, 5), [0.1, 0.2, 0.3]))
    assert (found.value, found.share) == pytest.approx((0.3, 1 / 2 + 1 / 3)) and not found.paired
    assert found.shared == () and len(found.differences) == 0


def test_images_that_move_all_seeds_alike_are_shared_and_those_that_move_one_are_not() -> None:
    alike = paired(side((1, 2), [0, 0], [[0.2, -0.2], [0.2, -0.2]]), side((1, 2), [0, 0]))
    assert alike.parts.shared == pytest.approx(0.08, rel=0.002) and alike.parts.interaction == 0
    single = paired(side((1, 2), [0, 0], [[0.2, -0.2], [-0.2, 0.2]]), side((1, 2), [0, 0]))
    assert single.parts.total == single.parts.shared == 0
    assert single.parts.interaction == pytest.approx(0.16, rel=0.002)
    assert single.parts.whole == pytest.approx(0.08, rel=0.002)


@pytest.mark.parametrize(
    "setting",
    [
        Setting((0.0,) * 4, seeds=3, interaction=0.002**2),
        Setting((0.0,) * 4, seeds=3, more=4, interaction=0.002**2),
        Setting((0.0,) * 4, seeds=3, more=4, rho=0.8),
        Setting((0.0,), seeds=2, more=3),
    ],
    ids=["pairs", "more of the baseline", "and correlated", "two and five"],
)
def test_the_error_of_paired_seeds_has_the_variance_that_is_claimed(setting: Setting) -> None:
    found = [one["E0"] for one in simulated(setting, 1500)]
    contrasts = [one.contrast for one in found]
    error = np.var([one.value for one in contrasts])
    claimed = np.mean([one.variance * one.share + one.parts.shared for one in contrasts])
    assert claimed == pytest.approx(error, rel=0.1)  #  has a standard error of 2.2 %
    assert np.mean([one.parts.shared for one in contrasts]) == pytest.approx(setting.shared, rel=0.25)


def test_so_has_that_of_means() -> None:
    setting = Setting((0.0,), seeds=3, more=2, interaction=0.001**2)
    values, claimed = [], []
    for number in range(1500):
        sides, base = study(setting, np.random.default_rng([9, number]))
        found = of_means(sides["E0"].only((1, 2)), base.only((3, 4, 5)))
        values.append(found.value)
        claimed.append(setting.run_variance * found.share + found.parts.shared)
    assert np.mean(claimed) == pytest.approx(np.var(values), rel=0.12)


def test_the_correlation_over_seeds_needs_eight_pairs() -> None:
    draws = np.random.default_rng(4)
    common = draws.normal(size=20)
    seeds = tuple(range(20))
    base = side(seeds, list(common + 0.5 * draws.normal(size=20)))
    one = side(seeds, list(common + 0.5 * draws.normal(size=20)))
    assert correlation_over_seeds([one], base) == pytest.approx(0.8, abs=0.15)
    assert correlation_over_seeds([one.only(seeds[:7])], base) == 0
    assert correlation_over_seeds([one.only(seeds[:4])] * 2, base) > 0, "pooled over experiments"
    opposite = side(seeds, list(-base.values))
    assert correlation_over_seeds([opposite], base) == 0 and correlation_over_seeds([base], base) == 0.95
