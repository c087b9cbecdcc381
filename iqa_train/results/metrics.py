"""Agreement of predictions with opinion scores. Undefined values are NaN, as SciPy has them, never an exception.

Definitions: VQEG Final Report (2000) for PLCC, SRCC and RMSE; Kendall's tau-b (1945) for KRCC.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
_CHUNK = 1 << 22  # pairs of a block of the KRCC


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
    a, b = x - x.mean(), y - y.mean()
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    # A constant side may leave a residue of rounding instead of zeros.
    if norm_a <= 1e-13 * np.abs(x).max() * len(x) ** 0.5 or norm_b <= 1e-13 * np.abs(y).max() * len(y) ** 0.5:
        return float("nan")
    return float(np.clip((a / norm_a) @ (b / norm_b), -1.0, 1.0))


def srcc(x: Scores, y: Scores) -> float:
    """Spearman's rank correlation: the PLCC of the ranks."""
    return plcc(ranks(x), ranks(y)) if _usable(x, y) else float("nan")


def krcc(x: Scores, y: Scores) -> float:
    """Kendall's tau-b, which allows for ties."""
    if not _usable(x, y):
        return float("nan")
    n = len(x)
    x, y = ranks(x), ranks(y)  # integers in disguise, so that differences are exact
    concordance, untied_x, untied_y = 0, 0, 0
    step = max(1, _CHUNK // n)
    for start in range(0, n, step):
        sign_x = np.sign(x[start : start + step, None] - x[None, :]).astype(np.int8)
        sign_y = np.sign(y[start : start + step, None] - y[None, :]).astype(np.int8)
        concordance += int(np.sum(sign_x * sign_y, dtype=np.int64))
        untied_x += int(np.count_nonzero(sign_x))
        untied_y += int(np.count_nonzero(sign_y))
    if untied_x == 0 or untied_y == 0:
        return float("nan")
    return float(np.clip(concordance / np.sqrt(untied_x) / np.sqrt(untied_y), -1.0, 1.0))


def rmse(x: Scores, y: Scores) -> float:
    """Root mean squared difference, in the scores' unit; NaN for n = 0."""
    return float(np.sqrt(np.mean((x - y) ** 2))) if len(x) else float("nan")


def _usable(x: Scores, y: Scores) -> bool:
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"predictions and scores are lists of equal length, not {x.shape} and {y.shape}")
    return len(x) >= 2 and bool(np.isfinite(x).all() and np.isfinite(y).all())
