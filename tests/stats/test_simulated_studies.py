"""What verdicts promise, over simulated studies whose truth is known; the shares are printed, with standard errors.

The tables of docs/statistics.md come from the same simulations, with more studies (`simulated_studies`).
"""

from math import sqrt

import numpy as np
import pytest

from tests.stats.simulated_images import QUALITY, ImageSetting, simulated_study, true_value
from tests.stats.simulated_runs import Setting, Share, any_of, judged, share
from tests.stats.simulated_splits import covered
from tests.stats.simulated_studies import KINDS, POWER_AT, RUNS_VARY_THREE_TIMES, by_image, four_equal, of_runs

STUDIES, BY_IMAGE = 600, 100

pytestmark = pytest.mark.slow


def at_most(limit: float, found: Share, studies: int = STUDIES) -> bool:
    """Within the simulation's error: beyond it, 5 of 100 would be that were exactly at the limit."""
    return found.of_100 <= limit + 1.645 * 100 * sqrt(limit / 100 * (1 - limit / 100) / studies)


def at_least(limit: float, found: Share) -> bool:
    return found.of_100 >= limit - 1.645 * max(found.error, 0.3)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_four_equal_experiments_are_told_apart_in_at_most_5_of_100_studies(seeds: int) -> None:
    found = judged(Setting(seeds=seeds), STUDIES)
    wrong, held = any_of(found.different()), share(found.covered)
    print(f"{seeds} seeds: any wrong {wrong}, intervals that hold the truth {held}")
    assert at_most(5, wrong) and at_least(93, held) and at_most(98, held)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_runs_that_vary_three_times_as_much_raise_that_to_at_most_6(seeds: int) -> None:
    wrong = any_of(judged(Setting(seeds=seeds, noisier=(RUNS_VARY_THREE_TIMES, 1, 1, 1)), STUDIES).different())
    print(f"{seeds} seeds: any wrong {wrong}")
    assert at_most(6, wrong)


def test_three_seeds_find_effects_as_often_as_planned() -> None:
    found = judged(Setting(POWER_AT, seeds=3), 2 * STUDIES).different()
    shares = [share(found[:, number]) for number in range(4)]
    print(f"3 seeds: effects {POWER_AT} found in {', '.join(map(str, shares))}")
    assert all(at_least(least, one) for least, one in zip((0, 16, 34, 77), shares, strict=True))


@pytest.mark.parametrize("seeds", [3, 10])
def test_a_difference_as_large_as_the_margin_is_called_the_same_in_at_most_5(seeds: int) -> None:
    wrong = any_of(judged(Setting((0.006,) * 4, seeds=seeds), STUDIES, margin=0.006).within())
    print(f"{seeds} seeds: any wrong 'same' {wrong}")
    assert at_most(5, wrong)


def test_seeds_with_heavy_tails_do_not_raise_the_error() -> None:
    wrong = any_of(judged(Setting(seeds=3, heavy=True), STUDIES).different())
    print(f"3 seeds, t with four degrees of freedom: any wrong {wrong}")
    assert at_most(5, wrong)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_further_seeds_of_the_baseline_count_as_much_as_is_claimed(rho: float) -> None:
    found = judged(Setting(seeds=3, more=2, rho=rho), STUDIES)
    wrong, held = any_of(found.different()), share(found.covered)
    print(f"3 of 5 seeds, correlation {rho}: any wrong {wrong}, held {held}")
    assert at_most(5, wrong) and at_least(93, held) and at_most(98, held)


def test_two_seeds_of_one_experiment_beside_five_of_the_baseline_find_more_than_one_does() -> None:
    null, *found = (
        judged(Setting((effect,), seeds=k, more=5 - k), STUDIES) for effect, k in ((0.0, 2), (0.010, 1), (0.010, 2))
    )
    held, (one, two) = share(null.covered), (share(each.different()) for each in found)
    print(f"two of five seeds: held {held}; .010 found with one seed {one}, with two {two}")
    assert at_least(93, held) and two.of_100 > one.of_100


def test_a_borrowed_spread_holds_if_it_is_equal_and_not_if_it_is_twice_as_large() -> None:
    """What the mark "seed spread of Baseline (5 seeds)" is for."""
    equal, twice = (judged(Setting(seeds=1, more=4, noisier=(of_runs(factor),) * 4), STUDIES) for factor in (1.0, 2.0))
    wrong, held, wrong_twice = any_of(equal.different()), share(equal.covered), any_of(twice.different())
    print(f"equal: any wrong {wrong}, held {held}; runs that vary twice as much: any wrong {wrong_twice}")
    assert at_most(5, wrong) and at_least(93, held) and at_most(98, held)
    assert wrong_twice.of_100 > 10


def test_split_by_seed_intervals_hold_for_these_data_and_overlap_is_allowed_for_in_part() -> None:
    """Those over any data of this kind would need to be far wider where much depends on the training images."""
    (any_plain, these_plain), (any_allowed, these_allowed) = (
        tuple(map(share, covered(3, 0.25, STUDIES, allowed=allowed))) for allowed in (False, True)
    )
    print(f"these data {these_plain}, allowed for {these_allowed}; any data {any_plain}, allowed for {any_allowed}")
    assert at_least(93, these_plain) and at_least(93, these_allowed)
    assert any_plain.of_100 + 3 < any_allowed.of_100 < 95


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [1, 3])
def test_image_by_image_95_of_100_intervals_hold_the_truth(kind: str, seeds: int) -> None:
    """With one seed, of the two runs; with several, of the component."""
    held, wrong = by_image(four_equal(kind, seeds), BY_IMAGE)
    print(f"{kind}, seeds: {seeds}: held {held}, any wrong {wrong}")
    assert at_least(93, held)
    assert seeds == 1 or at_most(5, wrong, BY_IMAGE)


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_of_values_hold_the_truth_as_often(seeds: int) -> None:
    """With one seed, that of the run."""
    setting = ImageSetting((QUALITY,) * 3, seeds, resamples=500)
    held = []
    for number in range(BY_IMAGE):
        found = simulated_study(setting, number)
        truths = [true_value(float(runs.mean()) if seeds == 1 else QUALITY) for runs in found.qualities[1:]]
        spans = [one.interval for one in found.comparisons]
        held.append(
            [span is not None and span[0] <= truth <= span[1] for span, truth in zip(spans, truths, strict=True)]
        )
    found_share = share(np.array(held, dtype=float))
    print(f"values, seeds: {seeds}: held {found_share}")
    assert at_least(93, found_share)
