"""The variance of a mean over seeds that comes from the choice of test images, in two parts.

Seeds and test images are crossed: every seed is tested on the same images. What the choice of images does to all seeds
alike remains however many seeds there are; what it does to each seed differently (image x seed) shrinks with their
number, and is contained in the spread of the seeds' values as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VarianceParts:
    """Variances from `units` test images (or reference images), for `seeds` seeds.

    `total` is that of the mean over seeds, `interaction` the part of one seed (0 for one seed, where it cannot be
    separated), `shared` the part that no number of seeds reduces.
    """

    total: float
    interaction: float
    shared: float
    units: int
    seeds: float

    @property
    def whole(self) -> float:
        """The variance of the mean over these seeds from images alone; negative parts are cut off."""
        return self.shared + self.interaction / self.seeds


def parts_of_influence(influence: Array, units: int, mean: Array | None = None, seeds: float = 0.0) -> VarianceParts:
    """From influences (k, u) of each unit on each of k seeds; `units` of them were tested.

    `mean` (u,) is the influence on the estimate where it is not the plain mean over seeds, and `seeds` the number of
    seeds that the estimate is worth (default k).
    """
    k = len(influence)
    plain = influence.mean(axis=0)
    total = float(np.sum((plain if mean is None else mean) ** 2))
    interaction = float(np.sum((influence - plain) ** 2)) / (k - 1) if k > 1 else 0.0
    return _parts(total, interaction, units, seeds or k)


def parts_of_draws(draws: Array, units: int, mean: Array | None = None, seeds: float = 0.0) -> VarianceParts:
    """The same from a statistic on resamples, (k, B); undefined draws (NaN) do not count."""
    k = len(draws)
    plain = draws.mean(axis=0)
    total = _variance(plain if mean is None else mean)
    interaction = sum(_variance(one - plain) for one in draws) / (k - 1) if k > 1 else 0.0
    return _parts(total, interaction, units, seeds or k)


def _parts(total: float, interaction: float, units: int, seeds: float) -> VarianceParts:
    unbiased = units / (units - 1) if units > 1 else 1.0
    total, interaction = total * unbiased, interaction * unbiased
    return VarianceParts(total, interaction, max(0.0, total - interaction / seeds), units, seeds)


def _variance(draws: Array) -> float:
    return float(np.nanvar(draws)) if np.isfinite(draws).any() else 0.0
