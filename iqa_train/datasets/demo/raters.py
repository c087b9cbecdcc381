"""Simulated raters, who give opinions in five categories on images of a known latent quality."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CATEGORIES = 5
_BIAS, _SPREAD = 0.25, 0.7  # standard deviations in categories: of a rater's bias, and of an opinion's error


@dataclass(frozen=True)
class Opinions:
    """Opinions on N images: `counts` int64 (N, 5); `mos` on 0 to 100 and `sd` in categories, both float64 (N,)."""

    counts: NDArray[np.int64]
    mos: NDArray[np.float64]
    sd: NDArray[np.float64]


def rate(rng: np.random.Generator, quality: NDArray[np.float64], pool: int = 60, per_image: int = 16) -> Opinions:
    """Let `per_image` of a `pool` of raters judge each image of latent `quality` (N,), 0 to 100.

    A rater has a bias (N(0, 0.25) categories, the same for all images) and each opinion its own error (N(0, 0.7)); the
    sum is rounded to a category, 1 to 5. MOS and SD (divided by n - 1) are computed from these opinions.
    """
    bias = rng.normal(0, _BIAS, pool)
    who = np.argsort(rng.random((len(quality), pool)), axis=1)[:, :per_image]
    perceived = 1 + quality[:, None] / 25 + bias[who] + rng.normal(0, _SPREAD, who.shape)
    votes = np.clip(np.rint(perceived), 1, CATEGORIES).astype(np.int64)
    counts = np.stack([(votes == c).sum(axis=1) for c in range(1, CATEGORIES + 1)], axis=1)
    return Opinions(counts, 25 * (votes.mean(axis=1) - 1), votes.std(axis=1, ddof=1))
