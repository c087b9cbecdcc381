"""The variance of a difference of two SRCCs, and the smallest difference of two runs that a test set can detect."""

from math import sqrt

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


def difference_variance(srcc: float, images: int, correlation: float = ASSUMED_CORRELATION) -> float:
    """The variance of a difference of two SRCCs from the choice of test images, with one seed each.

    Both models have about `srcc` against the same scores of `images` images, and their predictions correlate by
    `correlation`. Asymptotic variance of the difference of two dependent correlations that share a variable: Olkin
    and Siotani (1976); Steiger, Psychological Bulletin 87 (1980), eq. 3.
    """
    r2 = srcc * srcc
    covariance = correlation * (1 - 2 * r2) - 0.5 * r2 * (1 - 2 * r2 - correlation * correlation)
    return max(0.0, rank_inflation(srcc) * 2 * ((1 - r2) ** 2 - covariance) / images)


def critical_difference(srcc: float, images: int, correlation: float = ASSUMED_CORRELATION) -> float:
    """The smallest difference of two runs' SRCCs that is significant at 5 %, two-sided; see `difference_variance`."""
    return _TWO_SIDED_95 * sqrt(difference_variance(srcc, images, correlation))
