"""Verdicts without a last look: an interval of the difference that holds at all numbers of seeds at once.

On one set of test images, differences by seed are normal with unknown variance. The likelihood ratio of their t
statistic, with an effect in standard deviations that is normal with variance g, against no effect,

    E = (1 + k g)^(-1/2) ((1 + t^2 / (k - 1)) / (1 + t^2 / ((k - 1) (1 + k g))))^(k/2),

is a nonnegative martingale over k, so that it ever exceeds 1 / alpha with a probability of at most alpha (Ville 1939;
Lai, Annals of Statistics 4, 1976; Perez-Ortiz et al., Annals of Statistics 52, 2024). The mean differences at which it
does not are the interval. Test images are drawn once: their part is added with the other half of alpha.

This costs power against a design with a last look, and it needs no variance of other experiments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, sqrt

from iqa_train.stats.interval import Interval

_EFFECT = 1.0  # g: effects are about as large as the spread over seeds; valid whatever they are
_SMALLEST = log(1e-15)
_PRECISION = 1e-6


@dataclass(frozen=True)
class EProcess:
    """The mean `difference` of `seeds` (at least 2) seeds with `variance` each.

    `images` is the variance that test images add to all seeds alike, from `units` images or references.
    """

    difference: float
    variance: float
    seeds: int
    images: float
    units: int

    def half_width(self, alpha: float) -> float:
        """Of the interval that holds at every number of seeds with probability 1 - `alpha`."""
        from scipy.special import stdtrit  # not for every start of the program

        of_images = float(stdtrit(max(1, self.units - 1), 1 - alpha / 4)) * sqrt(self.images)
        return self._of_seeds(alpha / 2) + of_images

    def interval(self, alpha: float) -> Interval:
        """That interval."""
        half = self.half_width(alpha)
        return self.difference - half, self.difference + half

    def bound(self, alpha: float) -> float:
        """The size that the difference does not exceed, either way, at any number of seeds."""
        return abs(self.difference) + self.half_width(alpha)

    def p(self) -> float:
        """The smallest alpha at which the interval excludes zero: valid whenever one stops."""
        return self._smallest(lambda alpha: abs(self.difference) > self.half_width(alpha))

    def p_within(self, margin: float) -> float:
        """The smallest alpha at which the interval lies within the margin."""
        return self._smallest(lambda alpha: self.bound(alpha) < margin)

    def _of_seeds(self, alpha: float) -> float:
        """The distance from the mean at which E is 1 / `alpha`."""
        k, more = self.seeds, 1 + self.seeds * _EFFECT
        ratio = exp(2 / k * (log(more) / 2 - log(alpha)))
        if ratio >= more:
            return inf if self.variance > 0 else 0.0
        squared = (ratio - 1) / (1 - ratio / more)  # t^2 / (k - 1)
        return sqrt(self.variance * squared * (k - 1) / k)

    def _smallest(self, holds: Callable[[float], bool]) -> float:
        low, high = _SMALLEST, 0.0
        if not holds(1.0):
            return 1.0
        while high - low > _PRECISION:
            middle = (low + high) / 2
            low, high = (low, middle) if holds(exp(middle)) else (middle, high)
        return exp(high)
