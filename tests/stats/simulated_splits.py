"""Studies on sets that are split anew by seed, in which what a network learns depends on its training images.

Every image of the set contributes to a run that is trained on it. Two seeds share most of their training images, so
their runs err together, which their spread does not show.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.contrast import Side
from iqa_train.stats.judgement import judgements
from tests.stats.simulated_runs import ALPHA, BASELINE

Array = NDArray[np.float64]

_SET, _TRAINED = 200, 160
OVERLAP = (_SET - _TRAINED) / _TRAINED


def covered(seeds: int, from_training: float, studies: int, *, allowed: bool) -> tuple[Array, Array]:
    """(studies,) each: whether the 95 % interval holds the true difference, which is 0.

    First that over any data of this kind, then the one over all splits of these data. Of the variance that seeds show,
    the part `from_training` comes from the choice of training images, the rest from initial weights. With `allowed`,
    the product allows for the overlap.
    """
    of_any, of_these = np.zeros(studies), np.zeros(studies)
    for number in range(studies):
        draws = np.random.default_rng([3, number])
        splits = np.stack([draws.permutation(_SET)[:_TRAINED] for _ in range(seeds)])
        (base, base_mean), (one, one_mean) = (_runs(splits, from_training, draws) for _ in range(2))
        found = judgements({"E": one}, base, BASELINE, overlap=OVERLAP if allowed else 0.0)["E"]
        of_any[number] = found.law.p(found.contrast.value) >= ALPHA
        of_these[number] = found.law.p(found.contrast.value - (one_mean - base_mean)) >= ALPHA
    return of_any, of_these


def _runs(splits: NDArray[np.int64], from_training: float, draws: np.random.Generator) -> tuple[Side, float]:
    """A run for each split (seeds, images), and their mean over all splits of the set; the spread shown is 1."""
    of_image = draws.normal(size=_SET) * sqrt(from_training * _TRAINED / (1 - _TRAINED / _SET))
    values = of_image[splits].mean(axis=1) + sqrt(1 - from_training) * draws.normal(size=len(splits))
    return Side(tuple(range(len(splits))), values, np.zeros((len(splits), 2)), 10**6), float(of_image.mean())
