"""Planned against simulated: power by number of seeds, and how often a named number of seeds comes true.

Simulated studies have a baseline that all experiments share, so that half of a difference's variance over seeds is
common; verdicts are those of the product's law of errors.
"""

from collections.abc import Iterator
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from iqa_train.stats.holm import holm
from iqa_train.stats.planning import Spread, Undecided, assured_seeds, power

Array = NDArray[np.float64]

EXPERIMENTS = 4
MOST = 20


def studies(count: int, effects: Array, spread: Spread, seeds: int, stream: int) -> Iterator[Array]:
    """Differences (experiments, seeds) of so many studies, with true `effects` (count, experiments)."""
    draws = np.random.default_rng(stream)
    for of_one in effects[:count]:
        runs = draws.standard_normal((len(of_one) + 1, seeds)) * sqrt(spread.seed / 2)
        images = draws.standard_normal((len(of_one), 1)) * sqrt(spread.shared)
        yield runs[1:] - runs[:1] + images + of_one[:, None]


def judged(d: Array, spread: Spread) -> tuple[Array, Array, list[float]]:
    """Means, variances over seeds and p of differences (experiments, seeds)."""
    m, k = d.shape
    means, variances = d.mean(axis=1), d.var(axis=1, ddof=1)
    weight = min(2, (m - 1) * (k - 1))
    others = (variances.sum() - variances) / max(1, m - 1)
    degrees = weight + k - 1
    moderated = (weight * others + (k - 1) * variances) / degrees
    t = stdtrit(degrees, (np.arange(2000) + 0.5) / 2000)
    scaled = np.sqrt(moderated / k)[:, None] * t - np.abs(means)[:, None]
    return means, variances, [min(1.0, p) for p in 2 * ndtr(scaled / sqrt(spread.shared)).mean(axis=1)]


CASES = [
    (0.006, 3, 0.0015, 0.003), (0.010, 3, 0.0015, 0.003), (0.006, 5, 0.0015, 0.003), (0.006, 10, 0.0015, 0.003),
    (0.010, 2, 0.0015, 0.003), (0.010, 3, 0.0019, 0.0042), (0.010, 5, 0.0019, 0.0042), (0.006, 10, 0.0019, 0.0042),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "seeds", "images", "sd"), CASES)
def test_power_as_planned_is_power_as_simulated(effect: float, seeds: int, images: float, sd: float) -> None:
    spread, count = Spread(images**2, sd**2), 4000
    effects = np.zeros((count, EXPERIMENTS))
    effects[:, 0] = effect
    found = [judged(d, spread)[2][0] < 0.05 / EXPERIMENTS for d in studies(count, effects, spread, seeds, 1)]
    share, planned = 100 * float(np.mean(found)), 100 * power(effect, seeds, spread, EXPERIMENTS)
    error = sqrt(share * (100 - share) / count)
    case = f"effect {effect}, {seeds} seeds, Vown {images}^2, S {sd}"
    print(f"{case}: planned {planned:.1f}, found {share:.1f} ({error:.1f}) of 100")
    assert abs(planned - share) < 3


def outcomes(now: int, spread: Spread, count: int, stream: int) -> list[bool]:
    """Of studies with normal effects (SD 0.004): for each number of seeds named after `now`, whether it came true."""
    effects = np.random.default_rng(stream).standard_normal((count, EXPERIMENTS)) * 0.004
    found = []
    for d in studies(count, effects, spread, MOST, stream + 1):
        means, variances, p = judged(d[:, :now], spread)
        pooled = Spread(spread.shared, float(variances.mean()))
        adjusted = np.array(holm(p), dtype=float)
        level = 0.05 / max(1, EXPERIMENTS - int((adjusted < 0.05).sum()))
        for at in np.flatnonzero(adjusted >= 0.05):
            case = Undecided(
                float(means[at]), now, pooled, 0.75 * EXPERIMENTS * (now - 1), own=float(variances[at]),
                experiments=EXPERIMENTS, level=level,
            )  # fmt: skip
            named = assured_seeds(case, MOST)
            if named is not None:
                later = holm(judged(d[:, :named], spread)[2])[at]
                found.append(later is not None and later < 0.05)
    return found


@pytest.mark.slow
def test_eighty_percent_assurance_comes_true_in_75_to_90_of_a_hundred() -> None:
    everything: list[bool] = []
    for now in (3, 5):
        for images, sd in ((0.0005, 0.0042), (0.001, 0.003), (0.0015, 0.003), (0.0019, 0.0041)):
            found = outcomes(now, Spread(images**2, sd**2), 500, 10 * now)
            share = 100 * float(np.mean(found))
            error = sqrt(share * (100 - share) / len(found))
            case = f"after {now} seeds, Vown {images}^2, S {sd}"
            print(f"{case}: {len(found)} named, {share:.0f} ({error:.1f}) of 100 came true")
            everything += found
    share = 100 * float(np.mean(everything))
    print(
        f"{len(everything)} named, {share:.1f} ({sqrt(share * (100 - share) / len(everything)):.1f}) of 100 came true"
    )
    assert 75 <= share <= 90
