"""Least-squares logistic by variable projection (Golub and Pereyra, SIAM Journal on Numerical Analysis 10, 1973).

height (rise(steepness (x - middle)) - 1/2) + linear x + offset is linear in three of its five parameters. For a given
steepness and middle these have a closed solution, so only two dimensions are searched: a grid, then Nelder and Mead's
simplex from the best local minima of the grid. No start has to converge: the least error found counts.

Monotonic curves: the slope is height steepness w + linear with w = rise (1 - rise). Over the range of x, w lies between
two values, and the slope keeps its sign if it has the same sign at both. If not for the best (height, linear), the best
of those admitted are on an edge: the slope is zero at one of the two values, which leaves one coefficient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STARTS = 15
_STEEPEST = 500.0  # exponent beyond which exp() is saturated
_STEEPNESS = (1e-3, 1e4)  # per SD of the predictions: from nearly a line to a step
_TAIL = 14.0  # exponent by which the middle may lie beyond the predictions: the curve is then an exponential
_GRID = np.geomspace(0.03, 300.0, 13)
_CELLS = 1 << 20  # of a block of the grid: 8 MiB
_SLACK = 1e-9  # rounding of a slope that is zero, relative to the other end's
_ROUGH, _FINE, _FINALISTS = 50, 400, 3  # evaluations of each start; of the best starts; how many these are


@dataclass(frozen=True)
class Curve:
    """A curve for predictions x; `error` is its mean squared error, `monotonic` holds over the range of x."""

    height: float
    steepness: float
    middle: float
    linear: float
    offset: float
    error: float
    monotonic: bool

    def __call__(self, x: Array) -> Array:
        """Its values (n,)."""
        result: Array = self.height * (rise(self.steepness * (x - self.middle)) - 0.5) + self.linear * x + self.offset
        return result


def best_curve(x: Array, y: Array, *, linear: bool, monotonic: bool = False) -> Curve:
    """The curve with the least squared error for x and y, both (n,) with mean 0 and SD 1.

    Without `linear`, that coefficient is 0. With `monotonic`, only curves that are so over the range of x.
    """
    problem = _Problem(x, y, linear, monotonic and linear)
    rough = sorted(_descend(problem, start, _ROUGH) for start in _starts(problem))
    finished = min(_descend(problem, start, _FINE) for _, start in rough[:_FINALISTS])
    again = _descend(problem, finished[1], _FINE)  # a simplex may collapse on the way along a flat valley
    return problem.curve(min(finished, again)[1])


def rise(exponent: Array) -> Array:
    """1 / (1 + exp(-exponent)), between 0 and 1."""
    result: Array = 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(exponent, -_STEEPEST), _STEEPEST)))
    return result


@dataclass(frozen=True)
class _Solved:
    """The best linear coefficients for each of K pairs of steepness and middle; all are (K,)."""

    height: Array
    linear: Array
    offset: Array
    error: Array
    monotonic: NDArray[np.bool_]


@dataclass(frozen=True)
class _Fitted:
    """The same, monotonic or not, with the `mean` of each curve's rise and the `side` on which it is close to zero."""

    height: Array
    linear: Array
    error: Array
    g: Array  # (K, n): the rise of each curve minus its mean
    mean: Array
    side: Array


Point = tuple[float, float]
"""Logarithm of the steepness, and middle."""


class _Problem:
    """The squared error as a function of steepness and middle, with the best other parameters."""

    def __init__(self, x: Array, y: Array, linear: bool, monotonic: bool) -> None:
        self.x, self.y, self.linear, self.monotonic = x, y, linear, monotonic
        self.least, self.most = float(x.min()), float(x.max())
        self._r = float(x @ y) / float(x @ x) if linear else 0.0
        self._rest = y - self._r * x

    def curve(self, at: Point) -> Curve:
        """The best curve at a point."""
        solved = self._solve(np.exp([at[0]]), np.array([at[1]]))
        return Curve(
            float(solved.height[0]), float(np.exp(at[0])), float(at[1]), float(solved.linear[0]),
            float(solved.offset[0]), float(solved.error[0]), bool(solved.monotonic[0]),
        )  # fmt: skip

    def error(self, at: Array) -> float:
        """The error at a point; infinite outside the region that is searched."""
        steepness, middle = float(np.exp(np.clip(at[0], -50, 50))), float(at[1])
        beyond = _TAIL / steepness
        if not _STEEPNESS[0] <= steepness <= _STEEPNESS[1] or not self.least - beyond <= middle <= self.most + beyond:
            return float("inf")
        return float(self._error(np.array([steepness]), np.array([middle]))[0])

    def errors(self, steepness: Array, middle: Array) -> Array:
        """The error (K,) at many points, in blocks that fit in memory."""
        size = max(1, _CELLS // len(self.x))
        parts = [self._error(steepness[k : k + size], middle[k : k + size]) for k in range(0, len(middle), size)]
        return np.concatenate(parts)

    def _error(self, steepness: Array, middle: Array) -> Array:
        """That of `_solve`, which is needed most of the time, without the rest of it."""
        return self._solve(steepness, middle).error if self.monotonic else self._fitted(steepness, middle).error

    def _fitted(self, steepness: Array, middle: Array) -> _Fitted:
        side = np.where(middle > 0, 1.0, -1.0)  # the tail that is close to zero has the more exact digits
        g = side[:, None] * rise((side * steepness)[:, None] * (self.x - middle[:, None]))
        mean = g.mean(axis=1)
        g -= mean[:, None]
        if self.linear:
            on_x = (g @ self.x) / float(self.x @ self.x)
            height, error = _one_column(g - on_x[:, None] * self.x, self._rest)
            linear = self._r - height * on_x
        else:
            height, error = _one_column(g, self.y)
            linear = np.zeros_like(height)
        return _Fitted(height, linear, error, g, mean, side)

    def _solve(self, steepness: Array, middle: Array) -> _Solved:
        fitted = self._fitted(steepness, middle)
        height, linear, error, side = fitted.height, fitted.linear, fitted.error, fitted.side
        low, high = self._ends(steepness, middle)
        monotonic = _keeps_sign(height * steepness * low + linear, height * steepness * high + linear)
        if self.monotonic and not monotonic.all():
            error = np.where(monotonic, error, np.inf)
            for end in (low, high):
                flat = (steepness * end)[:, None]
                only, left = _one_column(fitted.g - flat * self.x, self.y)
                better = ~monotonic & (left < error)
                height, error = np.where(better, only, height), np.where(better, left, error)
                linear = np.where(better, -only * flat[:, 0], linear)
            monotonic = np.ones_like(monotonic)
        offset = -height * (fitted.mean + 0.5 - (side > 0))
        return _Solved(height, linear, offset, error, monotonic)

    def _ends(self, steepness: Array, middle: Array) -> tuple[Array, Array]:
        """The least and the largest rise (1 - rise) over the range of x."""
        before, after = steepness * (self.least - middle), steepness * (self.most - middle)
        first, last = rise(before) * rise(-before), rise(after) * rise(-after)
        within = (middle >= self.least) & (middle <= self.most)
        return np.minimum(first, last), np.where(within, 0.25, np.maximum(first, last))


def _one_column(column: Array, target: Array) -> tuple[Array, Array]:
    """Least-squares coefficient of each row of `column` (K, n) for `target` (n,), and mean squared error: both (K,)."""
    square = np.einsum("kn,kn->k", column, column)
    with np.errstate(divide="ignore", invalid="ignore"):
        coefficient = np.where(square > 0, (column @ target) / square, 0.0)
    rest = target - coefficient[:, None] * column
    return coefficient, np.einsum("kn,kn->k", rest, rest) / len(target)


def _keeps_sign(one: Array, other: Array) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = one * other >= -_SLACK * np.maximum(one * one, other * other)
    return result


def _starts(problem: _Problem) -> Iterator[Point]:
    """At most STARTS points: the best local minima of a grid."""
    shares = np.linspace(0.0, 1.0, 15)
    even = problem.least + (problem.most - problem.least) * shares  # also in gaps between the predictions
    within = np.sort(np.concatenate([np.quantile(problem.x, shares), even[1:-1]]))
    tails = np.array([3.0, 9.0]) / _GRID[:, None]
    middles = np.hstack([problem.least - tails[:, ::-1], np.tile(within, (len(_GRID), 1)), problem.most + tails])
    steepness = np.repeat(_GRID, middles.shape[1])
    errors = problem.errors(steepness, middles.ravel()).reshape(middles.shape)
    padded = np.pad(errors, 1, constant_values=np.inf)
    rows, columns = len(_GRID), middles.shape[1]
    around = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    lowest = np.flatnonzero(errors <= np.min(around, axis=0))
    for at in lowest[np.argsort(errors.ravel()[lowest], kind="stable")][:STARTS]:
        yield float(np.log(steepness[at])), float(middles.ravel()[at])


def _descend(problem: _Problem, start: Point, evaluations: int) -> tuple[float, Point]:
    """The least error that a simplex from `start` finds, and where."""
    from scipy.optimize import minimize  # takes a second to import

    reach = 0.3 / np.exp(start[0]) + 0.01
    simplex = [start, (start[0] + 0.3, start[1]), (start[0], start[1] + reach)]
    options = {"initial_simplex": simplex, "maxfev": evaluations, "xatol": 1e-9, "fatol": 1e-15}
    done = minimize(problem.error, start, method="Nelder-Mead", options=options)
    return float(done.fun), (float(done.x[0]), float(done.x[1]))
