"""Analytic tests of two correlations with the same scores, shown beside the bootstrap because papers report them.

r1 and r2 are the correlations of two predictions with the scores, r12 that of the predictions with each other, n the
number of images. The tests assume normal data and ignore seeds: they cover test-set uncertainty only.

The formulas are for Pearson's correlation. Rank correlations vary more, so their variance of Fisher's z is multiplied
by `stats.power.rank_inflation`. With the usual factor 1.06, 7 to 8 of 100 equal pairs with r = .93 would differ at 5 %.
"""

from dataclasses import dataclass
from math import atanh, isfinite, sqrt, tanh

from iqa_train.stats.interval import Interval
from iqa_train.stats.power import rank_inflation

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Dependent:
    """Williams' two-sided p, and Zou's 95 % interval of r1 - r2."""

    p_williams: float
    zou_interval: Interval


def compare_correlations(r1: float, r2: float, r12: float, n: int, *, ranks: bool = False) -> Dependent | None:
    """Both tests; None for fewer than 4 images, a correlation that is undefined or 1, or equal predictions."""
    if n < 4 or not all(isfinite(r) and abs(r) < 1 - 1e-12 for r in (r1, r2, r12)):
        return None
    inflation = rank_inflation((r1 + r2) / 2) if ranks else 1.0
    return Dependent(
        p_williams=_two_sided_t(williams_t(r1, r2, r12, n) / sqrt(inflation), n - 3),
        zou_interval=zou_interval(r1, r2, r12, n, inflation),
    )


def williams_t(r1: float, r2: float, r12: float, n: int) -> float:
    """Student's t with n - 3 degrees of freedom.

    Williams, Journal of the Royal Statistical Society B 21 (1959); as in Steiger, Psychological Bulletin 87 (1980),
    eq. 7.
    """
    determinant = 1 - r1 * r1 - r2 * r2 - r12 * r12 + 2 * r1 * r2 * r12
    mean = (r1 + r2) / 2
    below = 2 * (n - 1) / (n - 3) * max(determinant, 0.0) + mean * mean * (1 - r12) ** 3
    return (r1 - r2) * sqrt((n - 1) * (1 + r12) / below)


def zou_interval(r1: float, r2: float, r12: float, n: int, inflation: float = 1.0) -> Interval:
    """Interval of r1 - r2, which share one variable: Zou, Psychological Methods 12 (2007), p. 409."""
    error = _Z95 * sqrt(inflation / (n - 3))
    low1, high1 = tanh(atanh(r1) - error), tanh(atanh(r1) + error)
    low2, high2 = tanh(atanh(r2) - error), tanh(atanh(r2) + error)
    c = ((r12 - r1 * r2 / 2) * (1 - r1 * r1 - r2 * r2 - r12 * r12) + r12**3) / ((1 - r1 * r1) * (1 - r2 * r2))

    def reach(a: float, b: float) -> float:
        return sqrt(max(0.0, a * a + b * b - 2 * c * a * b))

    return r1 - r2 - reach(r1 - low1, high2 - r2), r1 - r2 + reach(high1 - r1, r2 - low2)


def _two_sided_t(t: float, degrees: int) -> float:
    from scipy.special import stdtr  # not for every start of the program

    return float(2 * stdtr(degrees, -abs(t)))
