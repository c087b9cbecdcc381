"""Smallest difference of two SRCCs that a test set can detect."""

from math import ceil, sqrt

TEST_IMAGES = {"koniq-10k": 2015}
"""Test images of the data sets with an official split."""

ASSUMED_CORRELATION = 0.97
"""Assumed correlation between the predictions of two variants of one network, if not measured."""

_TWO_SIDED_95 = 1.96


def rank_inflation(r: float) -> float:
    """Variance of Fisher's z of a rank correlation of about `r`, relative to that of Pearson's, 1 / (n - 3).

    1.06 (Fieller, Hartley and Pearson, Biometrika 44, 1957, for |r| below .8) or 1 + r^2 / 2, whichever is larger
    (Bonett and Wright, Psychometrika 65, 2000, p. 24). For a difference of two SRCCs the true factor is smaller:
    1.28 to 1.32 for normal data at r = .93 with .95 to .99 between the predictions, where this function gives 1.43.
    """
    return max(1.06, 1 + r * r / 2)


def critical_difference(srcc: float, images: int, correlation: float = ASSUMED_CORRELATION) -> float:
    """The smallest difference of two SRCCs that is significant at 5 %, two-sided, with one seed each.

    Both models have about `srcc` against the same scores of `images` images, and their predictions correlate by
    `correlation`. Asymptotic variance of the difference of two dependent correlations that share a variable: Olkin
    and Siotani (1976); Steiger, Psychological Bulletin 87 (1980), eq. 3.
    """
    r2 = srcc * srcc
    covariance = correlation * (1 - 2 * r2) - 0.5 * r2 * (1 - 2 * r2 - correlation * correlation)
    variance = rank_inflation(srcc) * 2 * ((1 - r2) ** 2 - covariance) / images
    return _TWO_SIDED_95 * sqrt(max(variance, 0.0))


def seeds_needed(delta: float, critical: float) -> int:
    """Number of seeds at which a nonzero difference `delta` reaches `critical`, the critical difference with one seed.

    Assumes that the disagreement of two runs is independent between seeds, so that it shrinks with their square root.
    """
    return max(1, ceil((critical / abs(delta)) ** 2))
