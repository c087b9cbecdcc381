"""The opinions behind a mean opinion score (MOS): their spread, and what it says about errors of predictions.

ITU-T P.1401 (2020), sections 7.4 (interval of the MOS), 7.5.2 (outlier ratio) and 7.7 (epsilon-insensitive RMSE).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Opinions:
    """Of N images: the standard deviation of the single opinions in units of the score, and their number; both (N,)."""

    sd: Array
    votes: Array

    def __getitem__(self, index: NDArray[np.int64]) -> "Opinions":
        return Opinions(self.sd[index], self.votes[index])

    @property
    def variance_of_mean(self) -> Array:
        """The squared standard error of the MOS (N,)."""
        result: Array = self.sd**2 / self.votes
        return result

    @property
    def half_width(self) -> Array:
        """Half the 95 % interval of the MOS (N,): t(0.975, votes - 1) sd / sqrt(votes)."""
        from scipy.special import stdtrit  # not for every start of the program

        result: Array = stdtrit(self.votes - 1, (1 + LEVEL) / 2) * np.sqrt(self.variance_of_mean)
        return result


def why_unusable(opinions: Opinions) -> str:
    """Why no interval of the MOS can be computed from them; "" if one can."""
    if not (np.isfinite(opinions.sd).all() and np.isfinite(opinions.votes).all()):
        return "some opinions' SDs or numbers are not finite numbers"
    if (opinions.sd < 0).any():
        return "some opinions' SDs are negative"
    if (opinions.votes < 2).any():
        return f"{np.count_nonzero(opinions.votes < 2)} images have fewer than two opinions"
    return ""


def beyond_opinions(mapped: Array, scores: Array, opinions: Opinions, parameters: int) -> Array:
    """Predictions (N,) whose error is what exceeds the interval of the MOS: P.1401's Perror, with its sign.

    Perror = max(0, |MOS - mapped| - half width). It is scaled by sqrt(N / (N - d)) for a mapping with d parameters, so
    that the plain RMSE of the result is P.1401's RMSE*, sqrt(sum Perror^2 / (N - d)), and exactly the images that are
    not outliers have no error.
    """
    error = mapped - scores
    beyond = np.maximum(0.0, np.abs(error) - opinions.half_width)
    n = len(scores)
    result: Array = scores + np.sign(error) * beyond * np.sqrt(n / (n - parameters))
    return result
