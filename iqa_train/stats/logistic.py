"""Logistic mapping from predictions to opinion scores, after which PLCC and RMSE are usually reported.

Four parameters: VQEG, Final Report from the Video Quality Experts Group on the Validation of Objective Models of Video
Quality Assessment (FR-TV Phase I, 2000). Five: Sheikh, Sabir and Bovik, A Statistical Evaluation of Recent Full
Reference Image Quality Assessment Algorithms, IEEE Trans. Image Processing 15 (2006), section IV.

ITU-T P.1401 (2020) requires a monotonic mapping. With four parameters every map is. With five the best of all maps is
taken, as in the literature, and a remark says where it is not monotonic over the range of the predictions, and what the
best monotonic one would give. The measures of P.1401 take the latter.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.logistic_search import Curve, best_curve, rise
from iqa_train.stats.metrics import near_one, plcc, rmse

Array = NDArray[np.float64]

_KEPT = 512  # fits of a study, which every metric after the fit needs again; of 2,015 images, 50 kB each
FEWEST = 30  # images; with fewer, the parameters follow the noise


@dataclass(frozen=True)
class LogisticFit:
    """A least-squares fit: mapped predictions (n,) in the unit of the scores, PLCC and RMSE after it.

    Without a fit, `mapped` is None, `plcc` and `rmse` are NaN, and `note` says why. `parameters` are those of the
    formula for standardised predictions and scores. `remark` says where the map is not monotonic.
    """

    mapped: Array | None
    parameters: tuple[float, ...]
    plcc: float
    rmse: float
    note: str = ""
    remark: str = ""


def logistic4(q: Array, top: float, bottom: float, middle: float, slope: float) -> Array:
    """VQEG: bottom + (top - bottom) / (1 + exp(-(q - middle) / |slope|)) of predictions q (n,)."""
    result: Array = bottom + (top - bottom) * rise((q - middle) / max(abs(slope), 1e-12))
    return result


def logistic5(q: Array, height: float, steepness: float, middle: float, linear: float, offset: float) -> Array:
    """Sheikh et al.: height (1/2 - 1 / (1 + exp(steepness (q - middle)))) + linear q + offset."""
    result: Array = height * (rise(steepness * (q - middle)) - 0.5) + linear * q + offset
    return result


def fit_logistic(predictions: Array, scores: Array, parameters: int = 4, *, monotonic: bool = False) -> LogisticFit:
    """Fit the logistic with 4 or 5 parameters to predictions and scores, both (n,). Never raises for their values.

    With `monotonic`, only maps that are so over the range of the predictions are admitted. Recent fits are cached:
    PLCC, RMSE and the figure of one experiment use the same fit.
    """
    return _fit(predictions.tobytes(), scores.tobytes(), parameters, monotonic and parameters == 5)


@lru_cache(maxsize=_KEPT)
def _fit(prediction_bytes: bytes, score_bytes: bytes, parameters: int, monotonic: bool) -> LogisticFit:
    predictions, scores = np.frombuffer(prediction_bytes), np.frombuffer(score_bytes)
    why = _unfit(predictions, scores)
    if why:
        return LogisticFit(None, (), float("nan"), float("nan"), why)
    x, y = _standard(predictions), _standard(scores)
    best = best_curve(x, y, linear=parameters == 5)
    remark = ""
    if not best.monotonic:
        bound = best_curve(x, y, linear=True, monotonic=True)
        if monotonic:
            best = bound
        else:
            remark = _not_monotonic(plcc(bound(x), y), scores.std() * np.sqrt(bound.error))
    mapped = scores.mean() + scores.std() * best(x)
    mapped.setflags(write=False)
    return LogisticFit(mapped, _parameters(best, parameters), plcc(mapped, scores), rmse(mapped, scores), remark=remark)


def _not_monotonic(correlation: float, error: float) -> str:
    return (
        "the logistic is not monotonic over the predictions; the best that is, as ITU-T P.1401 requires, has "
        f"PLCC {correlation:.4f} and RMSE {error:.4g}"
    )


def _unfit(predictions: Array, scores: Array) -> str:
    if not (np.isfinite(predictions).all() and np.isfinite(scores).all()):
        return "no logistic fit: some values are not finite numbers"
    if len(scores) < FEWEST:
        return f"no logistic fit: {len(scores)} images are too few (at least {FEWEST} are needed)"
    for name, values in (("predictions", predictions), ("scores", scores)):
        if values.min() == values.max():
            return f"no logistic fit: the {name} are constant"
    return ""


def _parameters(curve: Curve, count: int) -> tuple[float, ...]:
    """Those of `logistic4` or `logistic5`."""
    if count == 5:
        return curve.height, curve.steepness, curve.middle, curve.linear, curve.offset
    half = curve.height / 2
    return curve.offset + half, curve.offset - half, curve.middle, 1 / curve.steepness


def _standard(values: Array) -> Array:
    values = near_one(values)  # so that squares neither overflow nor underflow
    result: Array = (values - values.mean()) / values.std()
    return result
