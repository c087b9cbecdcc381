"""The law of the smallest p of several looks, so that a study may be looked at after every round of seeds.

Who looks after every seed and stops at the first p below 0.05 errs far more often than 5 times in 100. With the looks
fixed beforehand, G(x) = P(the smallest p of all looks <= x | no effect) makes of the smallest p so far a p that is
valid whenever one stops: the sequential p, q = G(min p) (Liu and Anderson, Statistics in Medicine 27, 2008). Equal
nominal levels at all looks are those of Pocock (Biometrika 64, 1977), here for t tests with moderated variances.

G is found by simulation of studies in which the choice of test images adds nothing (Vown = 0). That is the worst case:
what the images add is the same at every look, which makes the looks more alike.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.resamples import generator

Array = NDArray[np.float64]

_SAMPLES = 240_000
_TAIL = _SAMPLES // 300  # below this smallest value there are too few to count, and a power law continues
_TAIL_TO = 10 * _TAIL  # through this one
_MOST_OTHERS = 3  # more of them leave the weight of their variances, at most 2, as it is
_GRID = 20_001  # points between which p is interpolated
_WEIGHT = 2.0  # of the others' variances, in degrees of freedom


@dataclass(frozen=True)
class SmallestP:
    """The law of the smallest p of the looks, without effect: `values` (240,000,), simulated, ascending."""

    values: Array

    @property
    def edge(self) -> float:
        """The value below which a power law continues."""
        return float(self.values[_TAIL - 1])

    @property
    def exponent(self) -> float:
        """Of the power law, through the quantiles 1/300 and 1/30."""
        return float(np.log(_TAIL_TO / _TAIL) / np.log(self.values[_TAIL_TO - 1] / self.edge))

    def chance(self, p: float) -> float:
        """G(p): the probability that the smallest p of the looks is at most `p`."""
        if p < self.edge:
            return float(_TAIL / _SAMPLES * (p / self.edge) ** self.exponent)
        return float(np.searchsorted(self.values, p, side="right")) / _SAMPLES

    def level(self, chance: float) -> float:
        """The inverse: the nominal level at every look that is undercut at some look with probability `chance`."""
        if chance < _TAIL / _SAMPLES:
            return float(self.edge * (chance * _SAMPLES / _TAIL) ** (1 / self.exponent))
        return float(self.values[min(_SAMPLES, int(np.ceil(chance * _SAMPLES))) - 1])


def smallest_p(first: int, last: int, experiments: int = 4, *, sided: int = 2) -> SmallestP:
    """The law for looks at `first`, ..., `last` seeds (first >= 2) of a study of so many experiments.

    With one experiment there is no other to borrow a variance from, and with four the weight of the others' is as
    large as it gets. `sided` 1 is for the tests of a margin, `sided` 2 for those of a difference. Takes half a second
    and is kept; the random stream is fixed.
    """
    return _simulated(first, last, min(experiments, _MOST_OTHERS + 1))[sided - 1]


@cache
def _simulated(first: int, last: int, experiments: int) -> tuple[SmallestP, SmallestP]:
    """The laws of one-sided and of two-sided p."""
    d = _differences(_SAMPLES // experiments, experiments, last)
    total, squares = np.zeros(d.shape[1:]), np.zeros(d.shape[1:])
    one_sided, two_sided = np.ones(d.shape[1:]), np.ones(d.shape[1:])
    for k, values in enumerate(d, 1):
        total += values
        squares += values**2
        if k < first:
            continue
        spread, degrees = _moderated((squares - total**2 / k) / (k - 1), k)
        t = total / np.sqrt(k * spread)
        p = _two_sided_p(t, degrees)
        np.minimum(two_sided, p, out=two_sided)
        np.minimum(one_sided, np.where(t > 0, p / 2, 1 - p / 2), out=one_sided)
    return SmallestP(np.sort(one_sided, axis=None)), SmallestP(np.sort(two_sided, axis=None))


def _two_sided_p(t: Array, degrees: float) -> Array:
    """Of Student's t, to 1e-5 of itself: interpolated, since each call of the function takes half a microsecond."""
    from scipy.special import stdtr  # not for every start of the program

    grid = np.linspace(0.0, np.log1p(1e6), _GRID)
    logs = np.log(2 * stdtr(degrees, -np.expm1(grid)))
    p: Array = np.exp(np.interp(np.log1p(np.abs(t)), grid, logs))
    return p


def _differences(studies: int, experiments: int, seeds: int) -> Array:
    """(seeds, studies, experiments): from the baseline, whose half of the variance all experiments share."""
    values = generator(f"sequential/{experiments}").standard_normal((seeds, studies, experiments + 1))
    return values[..., 1:] - values[..., :1]


def _moderated(variance: Array, k: int) -> tuple[Array, float]:
    """The variances (studies, experiments), moderated by those of the others, and their degrees of freedom."""
    others = variance.shape[1] - 1
    if not others:
        return variance, k - 1.0
    weight = min(_WEIGHT, others * (k - 1.0))
    mean = (variance.sum(axis=1, keepdims=True) - variance) / others
    return (weight * mean + (k - 1) * variance) / (weight + k - 1), weight + k - 1
