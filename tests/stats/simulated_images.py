"""Studies simulated image by image, and judged by the product from the predictions alone: hundreds a minute.

Scores are skewed; what a network misjudges has heavy tails and is larger for poor images; networks agree in most of it,
as variants of one network do (their predictions correlate at .97). A run's quality is the correlation that its
predictions would have without those tails; it varies from seed to seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.metrics import srcc

Array = NDArray[np.float64]

QUALITY = 0.93
_AGREE = 0.78  # the share of the errors' variance that all networks have in common
_SAME_COMPONENT = 0.5  # of the rest, what all seeds of an experiment have in common
_RESAMPLES = 20  # only intervals of values need them, from 100 units on
_POPULATION = 1_000_000


@dataclass(frozen=True)
class ImageSetting:
    """What is true of a study.

    `qualities` are those of the baseline and of the experiments, `spread` their SD over seeds. `images` are tested, of
    `references` pictures of unequal numbers, with ties among scores (None: each its own picture). `anew`: each seed
    tests another random fifth of the images; `overlap` is what the product is to allow for it.
    """

    qualities: tuple[float, ...] = (QUALITY, QUALITY)
    seeds: int = 3
    spread: float = 0.0025
    images: int = 400
    references: int | None = None
    anew: bool = False
    overlap: float = 0.0
    resamples: int = _RESAMPLES


@dataclass(frozen=True)
class OneStudy:
    """The comparisons with the baseline, and the quality of each run: (1 + m, seeds)."""

    comparisons: list[Comparison]
    qualities: Array


def simulated_study(setting: ImageSetting, number: int) -> OneStudy:
    """A study, drawn anew for each `number`, as the product sees it."""
    draws = np.random.default_rng([number, setting.images])
    pool = setting.images * (5 if setting.anew else 1)
    reference = _references(setting.references, pool, draws)
    position = draws.standard_normal(pool)
    common = _errors(position, draws, reference)
    qualities = np.array(setting.qualities)[:, None] + setting.spread * draws.standard_normal(
        (len(setting.qualities), setting.seeds)
    )
    tested = [
        np.sort(draws.choice(pool, setting.images, replace=False)) if setting.anew else np.arange(pool)
        for _ in range(setting.seeds)
    ]
    experiments = []
    for name, by_seed in enumerate(qualities):
        own = _errors(position, draws, reference)
        tables = {}
        for seed, quality in enumerate(by_seed, 1):
            at = tested[seed - 1]
            errors = _mixed(common, own, _errors(position, draws, None))
            predictions = quality * position + sqrt(1 - quality**2) * errors
            tables[seed] = _table(at, _scores(position, setting.references is not None), predictions, reference)
        experiments.append(ExperimentPredictions(f"E{name}", tables))
    return OneStudy(
        compare(experiments, experiments[0], resamples=setting.resamples, overlap=setting.overlap)[1:], qualities
    )


def true_difference(qualities: Sequence[float], baseline: Sequence[float], ties: bool = False) -> float:
    """Of the SRCC over all images that there could be, between runs of these qualities."""
    return _population(ties)[1] * float(np.mean(qualities) - np.mean(baseline))


def true_value(quality: float, ties: bool = False) -> float:
    """The SRCC over all images that there could be."""
    value, slope = _population(ties)
    return value + slope * (quality - QUALITY)


@lru_cache
def _population(ties: bool) -> tuple[float, float]:
    """SRCC at the usual quality, and its change with quality, over a range so short that it is linear."""
    draws = np.random.default_rng(12)
    position = draws.standard_normal(_POPULATION)
    errors = _mixed(*(_errors(position, draws, None) for _ in range(3)))
    scores = _scores(position, ties)
    low, high = (srcc(q * position + sqrt(1 - q * q) * errors, scores) for q in (QUALITY - 0.01, QUALITY + 0.01))
    return (low + high) / 2, (high - low) / 0.02


def _scores(position: Array, ties: bool) -> Array:
    """From 1 to 5, skewed towards good ones; in steps of a tenth with `ties`."""
    scores: Array = 1 + 4 / (1 + np.exp(-0.8 - 0.9 * position))
    return np.round(scores, 1) if ties else scores


def _errors(position: Array, draws: np.random.Generator, reference: NDArray[np.int64] | None) -> Array:
    """Variance 1, or nearly so; half of it differs by reference, where there are any."""
    tails = draws.standard_t(5, len(position)) / sqrt(5 / 3)
    if reference is not None:
        tails = sqrt(0.5) * (tails + draws.standard_normal(reference.max() + 1)[reference])
    larger: Array = np.exp(-0.25 * position) / np.exp(0.0625)
    return larger * tails


def _mixed(common: Array, own: Array, of_run: Array) -> Array:
    rest = 1 - _AGREE
    mixed: Array = (
        sqrt(_AGREE) * common + sqrt(rest * _SAME_COMPONENT) * own + sqrt(rest * (1 - _SAME_COMPONENT)) * of_run
    )
    return mixed


def _references(count: int | None, images: int, draws: np.random.Generator) -> NDArray[np.int64] | None:
    """Of each image: one to nine times as many of one picture as of another."""
    if count is None:
        return None
    sizes = draws.uniform(1, 9, count)
    at = np.arange(images)
    of_image: NDArray[np.int64] = np.searchsorted(np.cumsum(sizes / sizes.sum()), (at + 0.5) / images)
    return np.minimum(of_image, count - 1)


def _table(
    at: NDArray[np.int64], scores: Array, predictions: Array, reference: NDArray[np.int64] | None
) -> Predictions:
    names = tuple(f"{k:05}" for k in at)
    pictures = None if reference is None else tuple(f"r{k:02}" for k in reference[at])
    return Predictions(names, scores[at], predictions[at], pictures)
