"""The law of the error of an estimate: images and seeds together, by quadrature.

The error is E + c t: E from the choice of test images (normal; Student's t for references; resampled draws where units
are few), t Student's with the seeds' degrees of freedom, c its scale. Its tail is an integral over whichever of the two
varies less, of the tail of the other, so that what is integrated is smooth: few points give two digits of p down to
1e-12, and five where it decides. It depends on no random stream.

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

_POINTS = 401
_BEYOND = 1e-15  # probability that is left out at each end
_END = 20  # draws beyond which the tail is that of Student's t
_NOTHING = 1e-12
_PRECISION = 1e-6  # of an interval's half-width


class ImageLaw(Protocol):
    """The law of the error from images."""

    @property
    def variance(self) -> float:
        """Its variance; infinite where nothing is known."""
        ...

    @property
    def points(self) -> tuple[Array, Array]:
        """Values of E and their probabilities, in whose place E can be put in the mean of a smooth function."""
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

    @property
    def points(self) -> tuple[Array, Array]:
        """Of the law, denser in the middle."""
        points, weights = _points(self.degrees)
        return sqrt(self.variance) * points, weights

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
        self.variance = float(np.var(known)) if len(known) else inf

    @property
    def points(self) -> tuple[Array, Array]:
        """The draws."""
        return self._draws, np.full(len(self._draws), 1 / max(1, len(self._draws)))

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

    def above(self, x: float) -> float:
        """P(error >= x), at least as large as from images alone."""
        return self._tail(x, 1)

    def below(self, x: float) -> float:
        """P(error <= -x), at least as large as from images alone."""
        return self._tail(x, -1)

    def p(self, difference: float) -> float:
        """Two-sided p of "no difference"; at most 1."""
        return min(1.0, 2 * self._tail(abs(difference), -1 if difference >= 0 else 1))

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

    def _tail(self, x: float, sign: int) -> float:
        """P(error >= x) for `sign` 1, P(-error >= x) for -1."""
        together = self._together(x, sign)
        return max(together, float(_tail_of(self.images_alone, np.array([x]), sign)[0])) if x > 0 else together

    def _together(self, x: float, sign: int) -> float:
        from scipy.special import stdtr

        if self.seeds <= 0:
            return float(_tail_of(self.images, np.array([x]), sign)[0])
        scale = sqrt(self.seeds)
        if self.images.variance <= self.seeds:
            points, weights = self.images.points
            return float(weights @ stdtr(self.degrees, (sign * points - x) / scale))
        points, weights = _points(self.degrees)
        return float(weights @ _tail_of(self.images, x - scale * points, sign))


def _tail_of(law: ImageLaw, x: Array, sign: int) -> Array:
    return law.above(x) if sign > 0 else law.below(-x)


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
def _points(degrees: float) -> tuple[Array, Array]:
    """Points of Student's t (normal for infinite `degrees`) and their probabilities: (_POINTS,) each.

    The trapezoidal rule in s, for t = sinh(s), converges exponentially and reaches far into the tails.
    """
    from scipy.special import ndtri, stdtrit

    end = -float(ndtri(_BEYOND) if degrees == inf else stdtrit(degrees, _BEYOND))
    s = np.linspace(-np.arcsinh(end), np.arcsinh(end), _POINTS)
    points = np.sinh(s)
    log_density = -(points**2) / 2 if degrees == inf else -(degrees + 1) / 2 * np.log1p(points**2 / degrees)
    weights = np.exp(log_density) * np.cosh(s)
    weights /= weights.sum()
    points.setflags(write=False)
    weights.setflags(write=False)
    return points, weights


def _nothing(ascending: Array) -> float:
    """Smaller differences are rounding errors."""
    return _NOTHING * max(1.0, float(np.abs(ascending).max())) if len(ascending) else 0.0
