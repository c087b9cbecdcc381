"""How small a difference of two SRCCs a test set can show."""

from math import ceil, sqrt

TEST_IMAGES = {"koniq-10k": 2015}
"""Test images of the data sets with an official split."""

ASSUMED_CORRELATION = 0.97
"""Between the predictions of two variants of one network, where it has not been measured."""

_TWO_SIDED_95 = 1.96


def rank_inflation(r: float) -> float:
    """Variance of Fisher's z of a rank correlation of about `r`, relative to that of Pearson's, 1 / (n - 3).

    1.06 (Fieller, Hartley and Pearson, Biometrika 44, 1957, for |r| below .8) or 1 + r^2 / 2, whichever is more
    (Bonett and Wright, Psychometrika 65, 2000, p. 24). Of a difference of two SRCCs the true factor is somewhat less:
    1.28 to 1.32 of normal data at r = .93 with .95 to .99 between the predictions, where this gives 1.43.
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
    """Seeds at which a difference of `delta`, not 0, reaches `critical`, the critical difference with one seed.

    Takes what two runs disagree on to be independent from seed to seed, so that it shrinks with their square root.
    """
    return max(1, ceil((critical / abs(delta)) ** 2))
