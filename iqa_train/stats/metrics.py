"""Metrics of agreement between predictions and opinion scores. Undefined values are NaN, as in SciPy.

Definitions: VQEG Final Report (2000) for PLCC, SRCC and RMSE; Kendall's tau-b (1945) for KRCC.
"""

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.concordance import concordance

Scores = NDArray[np.float64]


def ranks(x: Scores) -> Scores:
    """Ranks 1..n of (n,), ties sharing their average."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    average: Scores = (last - (counts - 1) / 2)[inverse]
    return average


def plcc(x: Scores, y: Scores) -> float:
    """Pearson's linear correlation of (n,) and (n,); NaN for n < 2, a constant side, or a value that is not finite."""
    if not _usable(x, y):
        return float("nan")
    a, b = _centred(x), _centred(y)
    if a is None or b is None:
        return float("nan")
    # The root of the product, not the product of roots: exact if both sides are equal.
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def srcc(x: Scores, y: Scores) -> float:
    """Spearman's rank correlation: the PLCC of the ranks."""
    return plcc(ranks(x), ranks(y)) if _usable(x, y) else float("nan")


def share_wrong(x: Scores, y: Scores) -> float:
    """The share of (n,) predictions that are not exactly the scores (n,): with `beyond_opinions`, the outlier ratio."""
    return float(np.mean(x != y))


def krcc(x: Scores, y: Scores) -> float:
    """Kendall's tau-b, which allows for ties."""
    if not _usable(x, y):
        return float("nan")
    untied_x, untied_y = (len(x) ** 2 - float(np.sum(np.unique(side, return_counts=True)[1] ** 2.0)) for side in (x, y))
    if untied_x == 0 or untied_y == 0:
        return float("nan")
    return float(np.clip(int(concordance(x, y).sum()) / np.sqrt(untied_x * untied_y), -1.0, 1.0))


def rmse(x: Scores, y: Scores) -> float:
    """Root mean squared difference, in the scores' unit; NaN for n = 0 or a value that is not finite."""
    _require_pairs(x, y)
    if not len(x) or not _finite(x, y):
        return float("nan")
    return float(np.sqrt(np.mean((x - y) ** 2)))


def measure(predictions: Scores, scores: Scores) -> dict[str, float | None]:
    """Every measure in `MEASURES` of predictions (n,) of scores (n,); None where it is undefined."""
    values = {name: function(predictions, scores) for name, function in MEASURES.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


MEASURES = {"srcc": srcc, "krcc": krcc, "plcc": plcc, "rmse": rmse}
"""What a run's result holds for each set of images, by key."""


def _centred(x: Scores) -> Scores | None:
    """`x` minus its mean, scaled so that squares neither overflow nor underflow; None if `x` is constant."""
    if x.min() == x.max():
        return None
    x = near_one(x)
    return near_one(x - x.mean())


def near_one(x: Scores) -> Scores:
    """`x` scaled by a power of two (which is exact) so that the largest magnitude lies between 1/2 and 1."""
    scaled: Scores = np.ldexp(x, -np.frexp(np.abs(x).max())[1])
    return scaled


def _usable(x: Scores, y: Scores) -> bool:
    _require_pairs(x, y)
    return len(x) >= 2 and _finite(x, y)


def _require_pairs(x: Scores, y: Scores) -> None:
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(
            f"predictions and scores must be one-dimensional and of equal length, not {x.shape} and {y.shape}"
        )


def _finite(x: Scores, y: Scores) -> bool:
    return bool(np.isfinite(x).all() and np.isfinite(y).all())
