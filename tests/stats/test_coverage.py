"""What intervals and p promise, over simulated studies ($STUDIES, 200 by default) whose true difference is known.

Scores and predictions are normal, and the true SRCC of a model with correlation r is 6/pi asin(r/2) (Pearson 1907). The
predictions of two models agree beyond the scores, as those of two variants of one network do.
"""

import os
from math import pi, sqrt

import numpy as np
import pytest

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.holm import holm

STUDIES = int(os.environ.get("STUDIES", "200"))
IMAGES, RESAMPLES = 600, 1500
SHARED = 0.7  # of what the predictions have beside the scores, the part of its variance that all models share

pytestmark = pytest.mark.slow


def simulated(number: int, correlations: list[float], seeds: int = 1, spread: float = 0.0) -> list[Comparison]:
    """One study: an experiment for each correlation, the first the baseline; seeds differ by `spread` (SD)."""
    rng = np.random.default_rng([number, seeds])
    scores, hard = rng.normal(size=(2, IMAGES))
    images = tuple(map(str, range(IMAGES)))
    experiments = []
    for k, correlation in enumerate(correlations):
        tables = {}
        for seed in range(seeds):
            r = correlation + spread * rng.normal()
            noise = sqrt(SHARED) * hard + sqrt(1 - SHARED) * rng.normal(size=IMAGES)
            tables[seed] = Predictions(images, scores, r * scores + sqrt(1 - r * r) * noise)
        experiments.append(ExperimentPredictions(f"E{k}", tables))
    return compare(experiments, experiments[0], resamples=RESAMPLES)


def true_srcc(correlation: float, spread: float) -> float:
    """The mean over seeds."""
    r = correlation + spread * np.random.default_rng(0).normal(size=100_000)
    return float(np.mean(6 / pi * np.arcsin(r / 2)))


@pytest.mark.parametrize(
    ("seeds", "spread", "most"),
    [(1, 0.0, 0.97), (3, 0.003, 0.98), (5, 0.003, 0.98)],
    ids=["1 seed", "3 seeds", "5 seeds"],
)
def test_95_of_100_intervals_hold_the_true_difference_and_the_true_value(
    seeds: int, spread: float, most: float
) -> None:
    """With few seeds rather 97: an interval exact for images alone and for seeds alone is a little wide for both."""
    truth = [true_srcc(r, spread) for r in (0.93, 0.92)]
    holds = np.zeros(2)
    for number in range(STUDIES):
        _, one = simulated(number, [0.93, 0.92], seeds, spread)
        spans = ((one.delta_interval, truth[1] - truth[0]), (one.interval, truth[1]))
        holds += [low <= value <= high for (low, high), value in spans]
    print(f"{seeds} seeds: difference {holds[0] / STUDIES:.3f}, value {holds[1] / STUDIES:.3f}")
    assert (holds / STUDIES >= 0.93).all()
    assert (holds / STUDIES <= most).all()


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.003)], ids=["1 seed", "3 seeds"])
def test_of_four_experiments_that_are_no_different_holm_finds_one_in_at_most_5_of_100_studies(
    seeds: int, spread: float
) -> None:
    wrong = 0
    for number in range(STUDIES):
        _, *others = simulated(number, [0.93] * 5, seeds, spread)
        wrong += min(p for p in holm([one.p for one in others]) if p is not None) < 0.05
    print(f"{seeds} seeds: {wrong / STUDIES:.3f} of the studies find a difference")
    assert wrong / STUDIES <= 0.05 + 1.645 * sqrt(0.05 * 0.95 / STUDIES)
