"""Widens bootstrap draws for small samples, as Student's t does (Hesterberg 2015, section 3.2).

Resamples have only (n - 1) / n of the variance, and the tails of a normal distribution, although n units say little
about the variation between units. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician
69 (2015), section 3.2, therefore replaces the percentiles 2.5 and 97.5 by those at which a normal variable equals the
quantiles of sqrt(n / (n - 1)) times a t variable with n - 1 degrees of freedom. Here each draw is moved to the place of
its rank by that rule, so that p follows too and draws can be added. For 2,015 units the effect is negligible (0.1 %);
for five reference images, intervals become 1.6 times as wide.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def widen(draws: Array, units: int) -> Array:
    """Move draws (B,) from `units` units away from the median, according to their ranks.

    Undefined draws (NaN) stay undefined. With one unit all draws become NaN.
    """
    if units < 2:
        return np.full_like(draws, np.nan)
    known = np.flatnonzero(np.isfinite(draws))
    if len(known) < 2:
        return draws
    order = known[np.argsort(draws[known], kind="stable")]
    ascending = draws[order]
    plain, wide = _places(len(known), units)
    moved = np.interp(wide, plain, ascending)
    middle = float(np.median(ascending))
    for beyond, end in ((wide < plain[0], 0), (wide > plain[-1], -1)):  # on a line through the middle and the end
        moved[beyond] = middle + (ascending[end] - middle) * wide[beyond] / plain[end]
    result = draws.copy()
    result[order] = moved
    return result


@lru_cache(maxsize=32)
def _places(count: int, units: int) -> tuple[Array, Array]:
    """Quantiles of `count` ranks in standard deviations: of the normal distribution, and widened."""
    from scipy.special import ndtri, stdtrit  # not for every start of the program

    share = (np.arange(count) + 0.5) / count
    return ndtri(share), stdtrit(units - 1, share) * np.sqrt(units / (units - 1))
