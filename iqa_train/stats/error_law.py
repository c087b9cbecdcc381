"""The law of the error of an estimate: images and seeds together, by quadrature.

The error is E + c t: E from the choice of test images (normal; Student's t for references; resampled draws where units
are few), t Student's with the seeds' degrees of freedom, c its scale. Its tail is the mean of E's tails over M equally
likely values of t, so that p has no resolution limit and depends on no random stream.

A verdict is never surer than the images alone allow: with few seeds, their spread is small by luck in some studies, and
the intervals of these would hold the truth too rarely.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.interval import Interval
from iqa_train.stats.small_samples import widen

Array = NDArray[np.float64]

_POINTS = 2_000
_MANY_POINTS, _FEW_DEGREES = 20_000, 3.0  # p in the tails of a t with fewer degrees of freedom needs more points
_END = 20  # draws beyond which the tail is that of Student's t
_NOTHING = 1e-12
_PRECISION = 1e-6  # of an interval's half-width


class ImageLaw(Protocol):
    """The law of the error from images."""

    @property
    def variance(self) -> float:
        """Its variance."""
        ...

    def above(self, x: Array) -> Array:
        """P(E >= x), same shape."""
        ...

    def below(self, x: Array) -> Array:
        """P(E <= x), same shape."""
        ...


@dataclass(frozen=True)
class Normal:
    """Normal with mean 0 and a `variance`, or its standard deviation times Student's t with `degrees` of freedom."""

    variance: float
    degrees: float = inf

    def above(self, x: Array) -> Array:
        """P(E >= x); 1/2 at x = 0 without variance."""
        return self.below(-x)

    def below(self, x: Array) -> Array:
        """P(E <= x)."""
        from scipy.special import ndtr, stdtr  # not for every start of the program

        if self.variance <= 0:
            return np.heaviside(x, 0.5)
        z = x / sqrt(self.variance)
        result: Array = ndtr(z) if self.degrees == inf else stdtr(self.degrees, z)
        return result


class Drawn:
    """Draws (B,) of an error, widened for few units (`small_samples`), with tails of Student's t beyond the last 20."""

    def __init__(self, draws: Array, units: int) -> None:
        known = widen(draws, units)
        known = np.sort(known[np.isfinite(known)])
        self._draws, self._degrees = known, max(1, units - 1)
        self.variance = float(np.var(known)) if len(known) else 0.0

    def above(self, x: Array) -> Array:
        """P(E >= x)."""
        return self._tail(x, self._draws)

    def below(self, x: Array) -> Array:
        """P(E <= x)."""
        return self._tail(-x, -self._draws[::-1])

    def _tail(self, x: Array, ascending: Array) -> Array:
        from scipy.special import stdtr

        count = len(ascending)
        if not count:
            return np.ones_like(x)
        tail = (count - np.searchsorted(ascending, x - _nothing(ascending), side="left")) / count
        if count <= _END or self.variance <= 0:
            return np.asarray(tail)
        end, scale = ascending[-_END], sqrt(self.variance)
        if end <= 0:
            return np.asarray(tail)
        beyond = (_END / count) * stdtr(self._degrees, -x / scale) / stdtr(self._degrees, -end / scale)
        return np.where(x > end, beyond, tail)


@dataclass(frozen=True)
class ErrorLaw:
    """The error of an estimate.

    `images` is the law of the images' part that seeds share; `images_alone` that of the images without any spread of
    seeds, which bounds how sure a verdict may be. `seeds` is the variance of the estimate from seeds, known with
    `degrees` degrees of freedom; 0 where nothing is known about seeds.
    """

    images: ImageLaw
    images_alone: ImageLaw
    seeds: float = 0.0
    degrees: float = inf

    def above(self, x: float, points: int = _POINTS) -> float:
        """P(error >= x), at least as large as from images alone."""
        return self._tail(x, points, self.images.above, self.images_alone.above)

    def below(self, x: float, points: int = _POINTS) -> float:
        """P(error <= -x), at least as large as from images alone."""
        return self._tail(x, points, lambda at: self.images.below(-at), lambda at: self.images_alone.below(-at))

    def p(self, difference: float) -> float:
        """Two-sided p of "no difference"; at most 1."""
        size, points = abs(difference), _MANY_POINTS if self.degrees < _FEW_DEGREES else _POINTS
        return min(1.0, 2 * (self.below(size, points) if difference >= 0 else self.above(size, points)))

    def interval(self, difference: float, level: float = 0.95) -> Interval:
        """The values that p does not exclude at 1 - `level`, about the estimate."""
        tail, scale = (1 - level) / 2, 2 * sqrt(self.images.variance + self.seeds)
        return difference - _where(self.below, tail, scale), difference + _where(self.above, tail, scale)

    def bound(self, difference: float, alpha: float = 0.05) -> float:
        """The size that the true difference exceeds, either way, with a one-sided error of `alpha` each."""
        return max(map(abs, self.interval(difference, 1 - 2 * alpha)))

    def p_beyond(self, difference: float, margin: float) -> float:
        """One-sided p of "the true difference is at least `margin`, either way": small where it is surely less.

        The larger of two one-sided tests: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
        """
        to_top, to_bottom = margin - difference, margin + difference
        return max(
            self.above(to_top) if to_top > 0 else 1 - self.below(-to_top),
            self.below(to_bottom) if to_bottom > 0 else 1 - self.above(-to_bottom),
        )

    def _tail(self, x: float, points: int, images: "_Tail", images_alone: "_Tail") -> float:
        of_seeds = np.array([0.0]) if self.seeds <= 0 else sqrt(self.seeds) * _t_points(self.degrees, points)
        together = float(np.mean(images(x - of_seeds)))
        return max(together, float(images_alone(np.array([x]))[0])) if x > 0 else together


class _Tail(Protocol):
    def __call__(self, x: Array, /) -> Array: ...


def _where(tail: "_Falling", level: float, scale: float) -> float:
    """The x > 0, about `scale`, at which a falling tail is `level`, by bisection; 0 where it never exceeds it."""
    low, high = 0.0, max(scale, _NOTHING)
    if tail(10 * _NOTHING) <= level:
        return 0.0
    while tail(high) > level:
        low, high = high, high * 2
        if high > 1 / _NOTHING:
            return inf
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > level else (low, middle)
    return high


class _Falling(Protocol):
    def __call__(self, x: float, /) -> float: ...


@lru_cache(maxsize=64)
def _t_points(degrees: float, count: int) -> Array:
    """Student's t at `count` equally likely quantiles."""
    from scipy.special import stdtrit

    points: Array = stdtrit(degrees, (np.arange(count) + 0.5) / count)
    points.setflags(write=False)
    return points


def _nothing(ascending: Array) -> float:
    """Smaller differences are rounding errors."""
    return _NOTHING * max(1.0, float(np.abs(ascending).max())) if len(ascending) else 0.0
