"""The difference of two experiments that were run with several seeds, and what its error is made of.

Shared seeds pair: runs with the same seed have initial weights and crops in common, so differences vary less than runs.
Seeds that only the baseline has still say where the baseline is; the best linear estimate weights them by the
correlation rho of paired runs over seeds:

    difference = mean(e, shared) - rho mean(0, shared) - (1 - rho) mean(0, all)

Its variance from seeds, for k shared and k0 baseline seeds, is that of the paired mean times
((1 + rho) + (1 - rho) k / k0) / 2. Without two shared seeds, the means of both sides are compared, with the variance of
a run instead of that of a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.variance_parts import VarianceParts, parts_of_draws, parts_of_influence

Array = NDArray[np.float64]

_HIGHEST_RHO = 0.95
_FEWEST_PAIRS = 8


@dataclass(frozen=True)
class Side:
    """An experiment by seed: values (k,), influences (k, u) of each unit, of which `units` were tested.

    `draws` (k, B) on resamples are given where units are too few for influences (None elsewhere).
    """

    seeds: tuple[int, ...]
    values: Array
    influence: Array
    units: int
    draws: Array | None = None

    def only(self, seeds: Sequence[int]) -> "Side":
        """The side with these of its seeds, in their order."""
        at = [self.seeds.index(seed) for seed in seeds]
        draws = None if self.draws is None else self.draws[at]
        return Side(tuple(seeds), self.values[at], self.influence[at], self.units, draws)

    @property
    def variance(self) -> float:
        """Of a run, over seeds; needs two."""
        return float(self.values.var(ddof=1))


@dataclass(frozen=True)
class Contrast:
    """A difference `value` of two sides.

    `parts` are the variances from images; `draws` (B,) the difference on resamples, where units are few. For paired
    seeds, `differences` (k,) are those by shared seed, and `share` times the variance of one of them is the variance of
    the estimate from seeds; for means, `share` times the variance of a run.
    """

    value: float
    shared: tuple[int, ...]
    parts: VarianceParts
    share: float
    differences: Array
    paired: bool
    draws: Array | None = None

    @property
    def variance(self) -> float:
        """Of the differences over shared seeds; needs two."""
        return float(self.differences.var(ddof=1))


def shared_seeds(side: Side, base: Side) -> tuple[int, ...]:
    """Those of both, in the order of `side`."""
    return tuple(seed for seed in side.seeds if seed in base.seeds)


def paired(side: Side, base: Side, rho: float = 0.0) -> Contrast:
    """The difference over the shared seeds (at least one), with the baseline's other seeds weighted by `rho`."""
    shared = shared_seeds(side, base)
    one, other = side.only(shared), base.only(shared)
    k, k0 = len(shared), len(base.seeds)
    share = ((1 + rho) + (1 - rho) * k / k0) / 2 / k
    units = min(one.units, other.units)

    def combined(mine: Array, theirs: Array, everywhere: Array) -> Array:
        result: Array = mine.mean(axis=0) - rho * theirs.mean(axis=0) - (1 - rho) * everywhere.mean(axis=0)
        return result

    if one.draws is None or other.draws is None or base.draws is None:
        draws = None
        mean = combined(one.influence, other.influence, base.influence)
        parts = parts_of_influence(one.influence - other.influence, units, mean, 1 / share)
    else:
        draws = combined(one.draws, other.draws, base.draws)
        parts = parts_of_draws(one.draws - other.draws, units, draws, 1 / share)
    value = float(combined(one.values, other.values, base.values))
    return Contrast(value, shared, parts, share, one.values - other.values, paired=True, draws=draws)


def of_means(side: Side, base: Side) -> Contrast:
    """The difference of the means over all seeds of each side, whichever they are."""
    shared = shared_seeds(side, base)
    share = 1 / len(side.seeds) + 1 / len(base.seeds)
    units = min(side.units, base.units)
    if side.draws is None or base.draws is None:
        draws = None
        mean = side.influence.mean(axis=0) - base.influence.mean(axis=0)
        both = [parts_of_influence(one.influence, one.units) for one in (side, base)]
        total = parts_of_influence(mean[None], units).total
    else:
        draws = side.draws.mean(axis=0) - base.draws.mean(axis=0)
        both = [parts_of_draws(one.draws, one.units) for one in (side, base) if one.draws is not None]
        total = parts_of_draws(draws[None], units).total
    interaction = sum(parts.interaction / parts.seeds for parts in both)
    parts = VarianceParts(total, interaction / share, max(0.0, total - interaction), units, 1 / share)
    values = side.only(shared).values - base.only(shared).values
    return Contrast(
        float(side.values.mean() - base.values.mean()), shared, parts, share, values, paired=False, draws=draws
    )


def correlation_over_seeds(sides: Sequence[Side], base: Side) -> float:
    """Rho of runs that share a seed with the baseline, pooled over experiments; 0 below 8 pairs, at most 0.95."""
    pairs, covariance, variances = 0, 0.0, np.zeros(2)
    for side in sides:
        shared = shared_seeds(side, base)
        if len(shared) < 2:
            continue
        both = np.stack([side.only(shared).values, base.only(shared).values])
        centred = both - both.mean(axis=1, keepdims=True)
        covariance += float(centred[0] @ centred[1])
        variances += (centred**2).sum(axis=1)
        pairs += len(shared)
    product = float(variances.prod())
    if pairs < _FEWEST_PAIRS or product <= 0:
        return 0.0
    return float(np.clip(covariance / product**0.5, 0.0, _HIGHEST_RHO))
