"""Logistic mapping from predictions to opinion scores, after which PLCC and RMSE are usually reported.

Four parameters: VQEG, Final Report from the Video Quality Experts Group on the Validation of Objective Models of Video
Quality Assessment (FR-TV Phase I, 2000). Five: Sheikh, Sabir and Bovik, A Statistical Evaluation of Recent Full
Reference Image Quality Assessment Algorithms, IEEE Trans. Image Processing 15 (2006), section IV.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.metrics import plcc, rmse

Array = NDArray[np.float64]

_EVALUATIONS = 2000
_STEEPEST = 500.0  # exponent beyond which exp() is saturated


@dataclass(frozen=True)
class LogisticFit:
    """A least-squares fit: mapped predictions (n,) in the unit of the scores, PLCC and RMSE after it.

    Without a fit, `mapped` is None, `plcc` and `rmse` are NaN, and `note` says why. `parameters` are those of the
    formula for standardised predictions and scores.
    """

    mapped: Array | None
    parameters: tuple[float, ...]
    plcc: float
    rmse: float
    note: str = ""


def logistic4(q: Array, top: float, bottom: float, middle: float, slope: float) -> Array:
    """VQEG: bottom + (top - bottom) / (1 + exp(-(q - middle) / |slope|)) of predictions q (n,)."""
    result: Array = bottom + (top - bottom) * _rise((q - middle) / max(abs(slope), 1e-12))
    return result


def logistic5(q: Array, height: float, steepness: float, middle: float, linear: float, offset: float) -> Array:
    """Sheikh et al.: height (1/2 - 1 / (1 + exp(steepness (q - middle)))) + linear q + offset."""
    result: Array = height * (_rise(steepness * (q - middle)) - 0.5) + linear * q + offset
    return result


def fit_logistic(predictions: Array, scores: Array, parameters: int = 4) -> LogisticFit:
    """Fit the logistic with 4 or 5 parameters to predictions and scores, both (n,). Never raises for their values.

    Recent fits are cached: PLCC, RMSE and the figure of one experiment use the same fit.
    """
    return _fit(predictions.tobytes(), scores.tobytes(), parameters)


@lru_cache(maxsize=64)
def _fit(prediction_bytes: bytes, score_bytes: bytes, parameters: int) -> LogisticFit:
    predictions, scores = np.frombuffer(prediction_bytes), np.frombuffer(score_bytes)
    why = _unfit(predictions, scores, parameters)
    if why:
        return _none(why)
    x, y = _standard(predictions), _standard(scores)
    curve, starts = _curve(x, y, parameters)
    best = _least_squares(curve, starts, x, y)
    if best is None:
        return _none("the logistic fit did not converge")
    mapped = scores.mean() + scores.std() * curve(x, *best)
    mapped.setflags(write=False)
    return LogisticFit(mapped, best, plcc(mapped, scores), rmse(mapped, scores))


def _unfit(predictions: Array, scores: Array, parameters: int) -> str:
    if not (np.isfinite(predictions).all() and np.isfinite(scores).all()):
        return "no logistic fit: some values are not finite numbers"
    if len(scores) <= parameters:
        return f"no logistic fit: {len(scores)} images are too few for {parameters} parameters"
    for name, values in (("predictions", predictions), ("scores", scores)):
        if values.min() == values.max():
            return f"no logistic fit: the {name} are constant"
    return ""


def _curve(x: Array, y: Array, parameters: int) -> tuple[Callable[..., Array], list[tuple[float, ...]]]:
    """The formula and starting points: VQEG's, with several slopes, rising or falling with the correlation."""
    up = 1.0 if plcc(x, y) >= 0 else -1.0
    low, high = float(y.min()), float(y.max())
    if parameters == 5:
        return logistic5, [(up * (high - low), s, 0.0, 0.0, 0.0) for s in (1.0, 0.3, 3.0)]
    ends = (high, low) if up > 0 else (low, high)
    return logistic4, [(*ends, 0.0, s) for s in (1.0, 0.3, 3.0)]


def _least_squares(
    curve: Callable[..., Array], starts: list[tuple[float, ...]], x: Array, y: Array
) -> tuple[float, ...] | None:
    """The best parameters over all starts that converge; None if none does."""
    from scipy.optimize import least_squares  # takes a second to import

    found: list[tuple[float, tuple[float, ...]]] = []
    for start in starts:
        with np.errstate(all="ignore"):
            done = least_squares(lambda p: curve(x, *p) - y, start, method="lm", max_nfev=_EVALUATIONS)
        if done.success and np.isfinite(done.x).all():
            found.append((float(done.cost), tuple(map(float, done.x))))
    return min(found)[1] if found else None


def _rise(exponent: Array) -> Array:
    result: Array = 1.0 / (1.0 + np.exp(-np.clip(exponent, -_STEEPEST, _STEEPEST)))
    return result


def _standard(values: Array) -> Array:
    result: Array = (values - values.mean()) / values.std()
    return result


def _none(note: str) -> LogisticFit:
    return LogisticFit(None, (), float("nan"), float("nan"), note)
