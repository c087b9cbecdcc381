"""Two correlations with the same scores, compared by formula: beside the bootstrap, as papers report them.

r1 and r2 are the correlations of two predictions with the scores, r12 that of the predictions with each other, n the
number of images. They assume a normal distribution and know of no seeds: what they say is about the test set alone.

Rank correlations vary more than Pearson's, for which the formulas were made: variances of Fisher's z are taken
`study.power.rank_inflation` times as large. With the usual 1.06 alone, 7 to 8 of 100 equal pairs with r = .93 would be
called different at 5 %.
"""

from dataclasses import dataclass
from math import atanh, isfinite, sqrt, tanh

from iqa_train.stats.interval import Interval
from iqa_train.stats.power import rank_inflation

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Dependent:
    """Williams' and Meng, Rosenthal and Rubin's two-sided p; their interval of the difference of Fisher's z; Zou's
    interval of r1 - r2. All at 95 %."""

    p_williams: float
    p_meng: float
    meng_interval: Interval
    zou_interval: Interval


def compare_correlations(r1: float, r2: float, r12: float, n: int, *, ranks: bool = False) -> Dependent | None:
    """All of them; None for fewer than 4 images, a correlation that is undefined or 1, or equal predictions."""
    if n < 4 or not all(isfinite(r) and abs(r) < 1 - 1e-12 for r in (r1, r2, r12)):
        return None
    inflation = rank_inflation((r1 + r2) / 2) if ranks else 1.0
    z, interval = meng_z(r1, r2, r12, n, inflation)
    return Dependent(
        p_williams=_two_sided_t(williams_t(r1, r2, r12, n) / sqrt(inflation), n - 3),
        p_meng=_two_sided_normal(z),
        meng_interval=interval,
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


def meng_z(r1: float, r2: float, r12: float, n: int, inflation: float = 1.0) -> tuple[float, Interval]:
    """Standard normal z, and the interval of the difference of Fisher's z.

    Meng, Rosenthal and Rubin, Psychological Bulletin 111 (1992), eqs. 1 to 4.
    """
    square = (r1 * r1 + r2 * r2) / 2
    f = min(1.0, (1 - r12) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    error = sqrt(inflation * 2 * (1 - r12) * h / (n - 3))
    difference = atanh(r1) - atanh(r2)
    return difference / error, (difference - _Z95 * error, difference + _Z95 * error)


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


def _two_sided_normal(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
