"""Widens bootstrap draws for small samples, as Student's t does (Hesterberg 2015, section 3.2).

Resamples vary by (n - 1) / n of what they stand for, and their tails are a normal distribution's, where n units say
little of how much units vary. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69
(2015), section 3.2, takes other percentiles instead of 2.5 and 97.5: those at which a normal variable stands where
sqrt(n / (n - 1)) times a t with n - 1 degrees of freedom has them. Here each draw is moved to where its rank belongs by
that rule, so that p follows too, and draws can be added to others. Of 2,015 units nothing comes of it (0.1 %); of five
references, intervals become 1.6 times as wide.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def widen(draws: Array, units: int) -> Array:
    """(B,) resampled values of `units` units that are drawn from, each moved away from the median as its rank asks.

    Undefined draws (NaN) stay so. One unit says nothing of how units vary: all become NaN.
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
    """Where `count` draws stand in units of a standard deviation: of the normal distribution, and widened."""
    from scipy.special import ndtri, stdtrit  # not for every start of the program

    share = (np.arange(count) + 0.5) / count
    return ndtri(share), stdtrit(units - 1, share) * np.sqrt(units / (units - 1))
