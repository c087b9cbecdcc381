"""What a study can show before it is run: the power of k seeds, the differences and margins within reach.

The difference of an experiment from the baseline varies with the choice of test images, in a part that all seeds share
(variance V, which no number of seeds reduces), and with the seed (variance S^2, of which the mean over k seeds has
S^2 / k). S^2 is known only from the k seeds themselves, so the power is a mean over what they may say of it.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not for every start of the program
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ALPHA = 0.05
POWER = 0.8
"""The power that is planned for."""

USUAL_EFFECT = 0.004
"""The SD of true differences in SRCC that is assumed where none are declared."""

USUAL_SEED_VARIANCE = 2 * 0.0025**2
"""The usual variance over seeds of a difference of runs whose SRCC varies by .0025 (SD); published: .001 to .004."""

MOST_SEEDS = 20
"""The most seeds that are proposed where a study declares no most of its own."""

_DRAWS = 400
_STEPS = (0.7548776662466927, 0.5698402909980532)  # of a sequence that fills the square evenly (Roberts 2018)
_POINTS = 300  # values of Student's t on each side of zero
_END = 1e-7  # probability beyond the last of them
_GRID = 33  # shares of the seeds in the error, at which half-widths are computed; between them they are interpolated
_STUDIES = 2_000  # fixed ones, from which the law of an estimated variance is taken
_MOST_OTHERS = 20  # experiments; more do not change that law noticeably
_WEIGHT = 2.0  # degrees of freedom of the others' variances, as in `seed_variance`
_PRECISION = 1e-4


@dataclass(frozen=True)
class Spread:
    """Variances of an experiment's difference from the baseline.

    `shared` is that of the images, in the part that all seeds share, `seed` that of one seed. `interaction` is the part
    of `seed` that comes from the images; 0 if it is not known.
    """

    shared: float
    seed: float
    interaction: float = 0.0

    def with_images(self, factor: float) -> "Spread":
        """The same with `factor` times as many test images."""
        interaction = self.interaction / factor
        return Spread(self.shared / factor, self.seed - self.interaction + interaction, interaction)


@dataclass(frozen=True)
class Seeds:
    """Numbers of seeds: `shared` with the baseline, and all those of the baseline, at least as many.

    `rho` is the correlation over seeds of runs that share one.
    """

    shared: int
    baseline: int
    rho: float = 0.0

    @property
    def share(self) -> float:
        """The variance of the estimate from seeds, in units of that of one seed's difference; 1 / k for k0 = k.

        Of the best linear estimate, mean(e) - rho mean(0, shared) - (1 - rho) mean(0, all).
        """
        return ((1 + self.rho) + (1 - self.rho) * self.shared / self.baseline) / (2 * self.shared)


def floor(shared: float, experiments: int = 1, alpha: float = ALPHA) -> float:
    """The smallest difference that any number of seeds shows with 80 % power, if Holm's correction leaves alpha / m."""
    return (_z(alpha / (2 * experiments)) + _z(1 - POWER)) * sqrt(shared)


def smallest_margin(shared: float, experiments: int = 1, alpha: float = ALPHA) -> float:
    """The smallest margin within which any number of seeds shows with 80 % power that there is no difference.

    Both of two one-sided tests have to succeed, so that a true difference of zero leaves 10 % to each.
    """
    return (_z(alpha / experiments) + _z((1 - POWER) / 2)) * sqrt(shared)


def best_baseline_share(rho: float, cost: float) -> float:
    """The best number of seeds of the baseline for each of the others'; at least 1.

    `cost` is that of one seed of all experiments together, relative to one of the baseline. Minimises the sum of the
    variances of the best linear estimates for a given cost.
    """
    return max(1.0, sqrt((1 - rho) / (1 + rho) * cost))


def power(
    difference: float, seeds: int | Seeds, spread: Spread, experiments: int = 1, *, level: float | None = None
) -> float:
    """The probability that a true `difference` is found by so many seeds, of `experiments` experiments.

    `level` of its p, by default what Holm's correction leaves to the first, 0.05 / m. The experiments' variances over
    seeds are taken as equal, and moderated as in `seed_variance`. 0 for one seed, which shows nothing of a component.
    """
    import numpy as np
    from scipy.special import ndtr

    numbers = seeds if isinstance(seeds, Seeds) else Seeds(seeds, seeds)
    if numbers.shared < 2:
        return 0.0
    half = _half_widths(numbers, spread, experiments, ALPHA / experiments if level is None else level)
    error = sqrt(spread.shared + spread.seed * numbers.share)
    if error <= 0:
        return float(difference != 0)
    return float(np.mean(ndtr((difference - half) / error) + ndtr((-difference - half) / error)))


def smallest_difference(
    seeds: int | Seeds, spread: Spread, experiments: int = 1, *, level: float | None = None
) -> float:
    """The smallest true difference that is found with 80 % power; infinite for one seed."""
    numbers = seeds if isinstance(seeds, Seeds) else Seeds(seeds, seeds)
    if numbers.shared < 2:
        return inf
    low, high = 0.0, sqrt(spread.shared + spread.seed)
    if high <= 0:
        return 0.0
    while power(high, numbers, spread, experiments, level=level) < POWER:
        low, high = high, high * 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        enough = power(middle, numbers, spread, experiments, level=level) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def enough_seeds(
    difference: float, spread: Spread, experiments: int = 1, *, most: int, level: float | None = None
) -> int | None:
    """The fewest seeds that find a true `difference` with 80 % power; None if more than `most` are needed."""
    counts = range(2, most + 1)
    return next((k for k in counts if power(difference, k, spread, experiments, level=level) >= POWER), None)


@dataclass(frozen=True)
class Undecided:
    """A difference that `now` (2 or more) seeds, shared with the baseline, have left undecided.

    `spread.seed` is the variance of one seed, pooled over the study and known with `degrees` degrees of freedom; `own`
    is that of this experiment's differences. `level` is what Holm's correction leaves for its p, `effect` the SD that
    true differences are thought to have.
    """

    difference: float
    now: int
    spread: Spread
    degrees: float
    own: float
    experiments: int = 1
    level: float = ALPHA
    effect: float = USUAL_EFFECT

    def assurance(self, seeds: int) -> float:
        """The probability that so many seeds in all, more than `now`, show it, on the same test images.

        The power averaged over what may be true (assurance: O'Hagan, Stevens and Campbell, Pharmaceutical Statistics 4,
        2005): over the mean of all seeds, given that of those so far, and over the variance of a seed.
        """
        import numpy as np
        from scipy.special import chdtri, ndtri

        first, second, third = ((np.arange(_DRAWS) + 0.5) * step % 1 for step in (1 / _DRAWS, *_STEPS))
        usual, known = self._variance
        variance = usual * known / chdtri(known, second)
        more, total = seeds - self.now, seeds
        of_truth = self.effect**2 + self.spread.shared  # what all seeds have in common, the images included
        weight = of_truth / (of_truth + variance / self.now)
        mean = abs(self.difference) * (self.now + more * weight) / total
        error = (more / total) ** 2 * weight * variance / self.now + more / total**2 * variance
        means = mean + np.sqrt(error) * ndtri(third)
        degrees = degrees_of_freedom(total, self.experiments)
        others = degrees - (total - 1)
        later = ((others + chdtri(more, first)) * variance + (self.now - 1) * self.own) / degrees
        half = half_widths(np.sqrt(later / total), sqrt(self.spread.shared), degrees, self.level)
        return float(np.mean(np.abs(means) > np.maximum(half, _least(self.spread, 1 / total, self.level))))

    @property
    def _variance(self) -> tuple[float, float]:
        """The variance of a seed to reckon with, and its degrees of freedom.

        Numbers of seeds are named where a variance is small by luck. So one that is smaller than usual is drawn towards
        the usual one, and half of what the experiment has more than the study is added.
        """
        variance, degrees = self.spread.seed, self.degrees
        if variance < USUAL_SEED_VARIANCE:
            variance = (degrees * variance + _WEIGHT * USUAL_SEED_VARIANCE) / (degrees + _WEIGHT)
            degrees += _WEIGHT
        return max(variance, (variance + self.own) / 2), degrees


def assured_seeds(undecided: Undecided, most: int = MOST_SEEDS) -> int | None:
    """The fewest seeds in all that show a difference with 80 % assurance; None if `most` do not."""
    low, high = undecided.now, most  # not enough, enough
    if most <= low or undecided.assurance(most) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if undecided.assurance(middle) >= POWER else (middle, high)
    return high


def degrees_of_freedom(seeds: int, experiments: int) -> float:
    """With which the moderated variance of one of `experiments` is known from `seeds` seeds each."""
    return min(_WEIGHT, (experiments - 1) * (seeds - 1.0)) + seeds - 1


def _half_widths(seeds: Seeds, spread: Spread, experiments: int, level: float) -> "Array":
    """(studies,): how far from zero an estimate has to be, over what its seeds may say of their variance."""
    import numpy as np

    k = seeds.shared
    of_seeds = np.sqrt(spread.seed * seeds.share * _estimated_variances(k, min(experiments, _MOST_OTHERS + 1)))
    half = half_widths(of_seeds, sqrt(spread.shared), degrees_of_freedom(k, experiments), level)
    return np.maximum(half, _least(spread, seeds.share, level))


def _least(spread: Spread, share: float, level: float) -> float:
    """What images alone ask for: a verdict is never surer."""
    return _z(level / 2) * sqrt(spread.shared + spread.interaction * share)


def half_widths(of_seeds: "Array", of_images: float, degrees: float, level: float) -> "Array":
    """(n,): h with P(|N + c t| > h) = `level`, for N normal with SD `of_images`, t Student's, and c in `of_seeds` (n,).

    Interpolated between shares of the seeds in the error, to 0.1 %.
    """
    import numpy as np

    table = _table(degrees, level)
    whole = of_seeds + of_images
    share = np.divide(of_seeds, whole, out=np.zeros_like(of_seeds), where=whole > 0)
    result: Array = np.interp(share, np.linspace(0, 1, _GRID), table) * np.hypot(of_seeds, of_images)
    return result


@lru_cache(maxsize=256)
def _table(degrees: float, level: float) -> "Array":
    """(_GRID,): half-widths in units of the root of both variances, from images alone to seeds alone."""
    import numpy as np
    from scipy.special import ndtr, stdtrit

    share = np.linspace(0, 1, _GRID)[1:-1]
    ratio = share / (1 - share)
    # Cells of probability that shrink towards both ends, where p of small levels come from.
    edges = np.concatenate([[0.0], np.geomspace(_END, 0.5, _POINTS)])
    lower = stdtrit(degrees, (edges[1:] + edges[:-1]) / 2)
    scaled, weights = ratio[:, None] * np.concatenate([lower, -lower]), np.tile(np.diff(edges), 2)
    images, seeds = _z(level / 2), float(stdtrit(degrees, 1 - level / 2))
    low, high = images * np.sqrt(1 + ratio**2), 1.01 * seeds * np.sqrt(1 + ratio**2)
    while (high - low > _PRECISION * high).any():
        middle = (low + high) / 2
        outside = 2 * ndtr(scaled - middle[:, None]) @ weights > level
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    inner = high / np.sqrt(1 + ratio**2)
    return np.concatenate([[images], inner, [seeds]])


@lru_cache(maxsize=256)
def _estimated_variances(seeds: int, experiments: int) -> "Array":
    """(studies,): moderated variances of one experiment, in units of the true one, in fixed simulated studies.

    The experiments share the baseline's half of the variance, so that their estimates err together.
    """
    import numpy as np

    runs = np.random.default_rng(20).standard_normal((_STUDIES, experiments + 1, seeds))
    variances = ((runs[:, 1:] - runs[:, :1]) / sqrt(2)).var(axis=2, ddof=1)
    degrees = degrees_of_freedom(seeds, experiments)
    weight = degrees - (seeds - 1)
    others = variances[:, 1:].mean(axis=1) if weight else 0.0
    result: Array = (weight * others + (seeds - 1) * variances[:, 0]) / degrees
    return result


def _z(tail: float) -> float:
    """The normal quantile with `tail` above it."""
    return NormalDist().inv_cdf(1 - tail)
