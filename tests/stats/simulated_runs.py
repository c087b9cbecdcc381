"""Studies of which only the metric's values and variances are simulated, and judged by the product: thousands a minute.

A difference from the baseline has three parts: the true effect, the luck of the test images (the same for all seeds),
and the luck of the seed, half of whose variance is the baseline's. The default numbers are those of four experiments on
KonIQ-10k's 2,015 test images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.contrast import Side
from iqa_train.stats.holm import holm
from iqa_train.stats.judgement import Judgement, judgements

Array = NDArray[np.float64]

ALPHA = 0.05
BASELINE = "Baseline"


@dataclass(frozen=True)
class Setting:
    """What is true of a study.

    `effects` (m,) are the true differences. `spread` is the SD of a difference over seeds, `shared` its variance from
    test images in the part that all seeds share, `interaction` the part of the variance over seeds that is images x
    seed. `noisier` are factors of the SD of a difference, by experiment, `rho` the correlation over seeds of runs with
    a seed in common. With `heavy` tails, seeds follow Student's t with four degrees of freedom.

    `seeds` is the number of shared seeds (of each experiment, if they are several), `more` that of further ones of the
    baseline.
    """

    effects: tuple[float, ...] = (0.0,) * 4
    seeds: int | tuple[int, ...] = 3
    more: int = 0
    spread: float = 0.003
    shared: float = 0.0015**2
    interaction: float = 0.0
    noisier: tuple[float, ...] = ()
    rho: float = 0.0
    heavy: bool = False

    @property
    def seeds_of_each(self) -> tuple[int, ...]:
        """By experiment."""
        return (self.seeds,) * len(self.effects) if isinstance(self.seeds, int) else self.seeds

    @property
    def run_variance(self) -> float:
        """Of a run of the baseline, over seeds."""
        return self.spread**2 / (2 * (1 - self.rho))

    def variance_of(self, number: int) -> float:
        """Of a run of an experiment, over seeds, apart from what it has in common with the baseline's of its seed."""
        factor = self.noisier[number] if self.noisier else 1.0
        return self.spread**2 * (factor**2 - 0.5)


@dataclass(frozen=True)
class Judged:
    """The same of every study (rows) and experiment (columns).

    `p` of "no difference", and what it is about the true effect (below 0.05 where the 95 % interval misses it); `same`
    of "beyond the margin"; `interval` its half-width.
    """

    p: Array
    p_of_truth: Array
    same: Array
    value: Array

    @property
    def covered(self) -> Array:
        """(studies, m): whether the 95 % interval holds the true effect."""
        return (self.p_of_truth >= ALPHA).astype(float)

    def different(self) -> Array:
        """(studies, m): the verdicts, after Holm's correction."""
        return _holm(self.p)

    def within(self) -> Array:
        """(studies, m): the verdicts "same within the margin"."""
        return _holm(self.same)


@dataclass(frozen=True)
class Share:
    """A share of studies, with its standard error."""

    of_100: float
    error: float

    def __str__(self) -> str:
        return f"{self.of_100:.1f} ({self.error:.1f})"


def share(holds: Array) -> Share:
    """Of (studies,), or of (studies, m): the mean over all, with the error of studies that are independent."""
    by_study = holds.mean(axis=1) if holds.ndim > 1 else holds.astype(float)
    return Share(100 * float(by_study.mean()), 100 * float(by_study.std(ddof=1)) / sqrt(len(by_study)))


def any_of(verdicts: Array) -> Share:
    """The share of studies with a verdict."""
    return share(verdicts.any(axis=1))


def judged(setting: Setting, studies: int, margin: float = 0.0, stream: int = 0) -> Judged:
    """What the product says of so many studies."""
    found = [_numbers(one, setting.effects, margin) for one in simulated(setting, studies, stream)]
    return Judged(*np.moveaxis(np.array(found), 2, 0))


def simulated(setting: Setting, studies: int, stream: int = 0) -> Iterator[dict[str, Judgement]]:
    """The product's judgements of so many studies, by experiment."""
    for number in range(studies):
        sides, base = study(setting, np.random.default_rng([stream, number]))
        yield judgements(sides, base, BASELINE)


def study(setting: Setting, draws: np.random.Generator) -> tuple[dict[str, Side], Side]:
    """The sides of one study: values, and influences that have exactly the variances of `setting`."""
    counts = setting.seeds_of_each
    most = max(counts) + setting.more
    of_images = draws.normal(0, sqrt(setting.shared / 2), len(counts) + 1)
    common = sqrt(setting.rho * setting.run_variance) * _noise(draws, most, setting.heavy)
    base = common + sqrt((1 - setting.rho) * setting.run_variance) * _noise(draws, most, setting.heavy)
    runs = [of_images[-1] + base]
    for number, (effect, k) in enumerate(zip(setting.effects, counts, strict=True)):
        alone = sqrt(setting.variance_of(number)) * _noise(draws, k, setting.heavy)
        runs.append(effect + of_images[number] + common[:k] + alone)
    sides = [_side(values, at, setting, [len(one) for one in runs]) for at, values in enumerate(runs)]
    return {f"E{number}": side for number, side in enumerate(sides[1:])}, sides[0]


def _side(values: Array, at: int, setting: Setting, lengths: Sequence[int]) -> Side:
    """A unit for each experiment, and one for each run."""
    k = len(values)
    influence = np.zeros((k, len(lengths) + sum(lengths)))
    influence[:, at] = sqrt(setting.shared / 2)
    first = len(lengths) + sum(lengths[:at])
    influence[np.arange(k), first + np.arange(k)] = sqrt(setting.interaction / 2)
    return Side(tuple(range(1, k + 1)), values, influence, 10**6)


def _noise(draws: np.random.Generator, count: int, heavy: bool) -> Array:
    """With variance 1."""
    return draws.standard_t(4, count) / sqrt(2) if heavy else draws.standard_normal(count)


def _numbers(found: dict[str, Judgement], effects: Sequence[float], margin: float) -> list[tuple[float, ...]]:
    numbers = []
    for judgement, effect in zip(found.values(), effects, strict=True):
        value, law = judgement.contrast.value, judgement.law
        within = law.p_beyond(value, margin) if margin else 1.0
        numbers.append((law.p(value), law.p(value - effect), within, value))
    return numbers


def _holm(p_values: Array) -> Array:
    adjusted = np.array([holm(list(row)) for row in p_values], dtype=float)
    return adjusted < ALPHA
