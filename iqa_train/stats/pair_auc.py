"""Areas under the ROC curve over pairs of images, and DeLong's test of their difference.

Krasula, Fliegel, Le Callet and Klima, On the Accuracy of Objective Image and Video Quality Models: New Methodology for
Performance Evaluation (QoMEX 2016). A pair is "different" if Welch's t test of the two MOS is significant at 5 %, else
"similar". Two questions to the predictions:

- different or similar: does the absolute difference of predictions separate different from similar pairs?
- better or worse: does the difference of predictions separate the different pairs whose first image is better from
  those whose first image is worse? As in the authors' program, each pair is in both classes, once in either order.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by ranks (Sun and Xu, IEEE Signal Processing Letters 21, 2014).
DeLong's test takes pairs as independent and both classes as separate samples. Pairs that share an image are neither, so
its p is too small. `influence` is over images: its squares sum to the variance of the AUC over resampled images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.opinions import Opinions

Array = NDArray[np.float64]
Numbers = NDArray[np.int32]

MOST_PAIRS = 4_000_000
"""All pairs of 2,828 images; of more, so many are drawn: memory and time of all would grow with the square."""
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Pairs:
    """Pairs of `images` images, by whether the MOS of `better` is significantly higher than that of `worse`."""

    images: int
    better: Numbers
    worse: Numbers
    similar: tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Placements:
    """Of one model: the AUC, and for each pair of either class the share of the other class on its right side."""

    auc: float
    of_first: Array
    of_second: Array


def judged_pairs(scores: Array, opinions: Opinions, most: int = MOST_PAIRS) -> Pairs:
    """All pairs of images with scores (n,), or about `most` of them if there are more. The last sets' are cached.

    The pairs drawn are those of neighbours in a fixed random order of the images, so that each image is in as many.
    """
    return _judged(*(one.astype(np.float64).tobytes() for one in (scores, opinions.sd, opinions.votes)), most)


def different_or_similar(predictions: Array, pairs: Pairs) -> Placements:
    """AUC of |difference of predictions| for different pairs against similar ones; NaN if a class is empty."""
    one, other = pairs.similar
    different = np.abs(predictions[pairs.better] - predictions[pairs.worse])
    return _placements(different, np.abs(predictions[one] - predictions[other]))


def better_or_worse(predictions: Array, pairs: Pairs) -> Placements:
    """AUC of the difference of predictions for better against worse; NaN if no pair differs."""
    rises = predictions[pairs.better] - predictions[pairs.worse]
    if not len(rises):
        return _placements(rises, rises)
    order = np.argsort(rises)
    ascending = rises[order]
    share = _share_below(order, ascending, -ascending[::-1])
    return Placements(float(share.mean()), share, share)  # the classes mirror each other


def influence_of_different(found: Placements, pairs: Pairs) -> Array:
    """The influence (n,) of each image on the AUC of `different_or_similar`."""
    of_different = _by_image(found.of_first - found.auc, pairs.better, pairs.worse, pairs.images)
    return of_different + _by_image(found.of_second - found.auc, *pairs.similar, pairs.images)


def influence_of_better(found: Placements, pairs: Pairs) -> Array:
    """The influence (n,) of each image on the AUC of `better_or_worse`."""
    return 2 * _by_image(found.of_first - found.auc, pairs.better, pairs.worse, pairs.images)


def auc_and_influence(question: str, predictions: Array, scores: Array, opinions: Opinions) -> tuple[float, Array]:
    """The AUC of "different" or "better", and the influence (n,) of each image on it. Recent ones are cached."""
    given = (predictions, scores, opinions.sd, opinions.votes)
    return _measured(question, *(np.ascontiguousarray(one, dtype=np.float64).tobytes() for one in given))


def placements(question: str, predictions: Array, pairs: Pairs) -> Placements:
    """Those of "different" or "better"."""
    return (different_or_similar if question == "different" else better_or_worse)(predictions, pairs)


def delong_p(one: Sequence[Placements], other: Sequence[Placements]) -> float | None:
    """DeLong's two-sided p of "the AUCs are equal" on the same pairs; means over the seeds of two models.

    None for fewer than two pairs in a class, and where the placements of the two are the same.
    """
    from scipy.special import ndtr  # not for every start of the program

    first, second = (
        np.mean([getattr(a, of) - getattr(b, of) for a, b in zip(one, other, strict=True)], axis=0)
        for of in ("of_first", "of_second")
    )
    if min(len(first), len(second)) < 2:
        return None
    variance = float(first.var(ddof=1)) / len(first) + float(second.var(ddof=1)) / len(second)
    difference = float(np.mean([a.auc - b.auc for a, b in zip(one, other, strict=True)]))
    return 2 * float(ndtr(-abs(difference) / sqrt(variance))) if variance > 0 else None


def _placements(first: Array, second: Array) -> Placements:
    if not len(first) or not len(second):
        return Placements(float("nan"), np.full(len(first), np.nan), np.full(len(second), np.nan))
    order, other_order = np.argsort(first), np.argsort(second)
    ascending, others = first[order], second[other_order]
    of_first = _share_below(order, ascending, others)
    return Placements(float(of_first.mean()), of_first, 1.0 - _share_below(other_order, others, ascending))


def _share_below(order: NDArray[np.int64], ascending: Array, others: Array) -> Array:
    """For each value the share of the others (ascending) that are below it; equal ones count half.

    `order` are the places of the ascending values in the result. A search in that order stays within the caches.
    """
    twice = 2 * np.searchsorted(others, ascending, "left")
    tied = np.flatnonzero(others[np.minimum(twice // 2, len(others) - 1)] == ascending)
    twice[tied] += np.searchsorted(others, ascending[tied], "right") - twice[tied] // 2
    result = np.empty(len(order))
    result[order] = twice / (2.0 * len(others))
    return result


def _by_image(excess: Array, one: Numbers, other: Numbers, images: int) -> Array:
    """The sum over the pairs of each image, divided by the number of pairs."""
    total = np.bincount(one, excess, images) + np.bincount(other, excess, images)
    result: Array = total / max(1, len(excess))
    return result


@lru_cache(maxsize=128)
def _measured(
    question: str, prediction_bytes: bytes, score_bytes: bytes, sd_bytes: bytes, vote_bytes: bytes
) -> tuple[float, Array]:
    pairs = _judged(score_bytes, sd_bytes, vote_bytes, MOST_PAIRS)
    found = placements(question, np.frombuffer(prediction_bytes), pairs)
    moved = influence_of_different if question == "different" else influence_of_better
    influence = moved(found, pairs)
    influence.setflags(write=False)
    return found.auc, influence


@lru_cache(maxsize=2)
def _judged(score_bytes: bytes, sd_bytes: bytes, vote_bytes: bytes, most: int) -> Pairs:
    scores = np.frombuffer(score_bytes)
    opinions = Opinions(np.frombuffer(sd_bytes), np.frombuffer(vote_bytes))
    found: list[tuple[Numbers, Numbers, NDArray[np.int8]]] = []
    n = len(scores)
    order, reach = np.arange(n, dtype=np.int32), n - 1
    if n * (n - 1) // 2 > most:
        order, reach = np.random.default_rng(n).permutation(n).astype(np.int32), max(1, most // n)
        order = np.concatenate([order, order[:reach]])  # a circle
    for at, i in enumerate(order[:n].tolist()):
        others = order[at + 1 : at + 1 + reach]
        found.append((np.full(len(others), i, dtype=np.int32), others, _judgements(scores, opinions, i, others)))
    one, other, sign = (np.concatenate(part) for part in zip(*found, strict=True))
    up, down, equal = sign > 0, sign < 0, sign == 0
    better, worse = np.concatenate([one[up], other[down]]), np.concatenate([other[up], one[down]])
    return Pairs(n, better, worse, (one[equal], other[equal]))


def _judgements(scores: Array, opinions: Opinions, i: int, others: Numbers) -> NDArray[np.int8]:
    """For each of the others: 1 if image i is significantly better, -1 if worse, else 0."""
    from scipy.special import stdtr, stdtrit  # not for every start of the program

    if not len(others):
        return np.zeros(0, dtype=np.int8)
    error, degrees = opinions.variance_of_mean, opinions.votes - 1
    variance, difference = error[i] + error[others], scores[i] - scores[others]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, np.abs(difference) / np.sqrt(variance))
        # Welch's degrees of freedom lie between the smaller of the two and their sum, so few t need the exact ones.
        least, most = np.minimum(degrees[i], degrees[others]).min(), float(degrees[i] + degrees[others].max())
        sure = t > stdtrit(least, 1 - _SIGNIFICANT / 2)
        doubtful = np.flatnonzero(~sure & (t >= stdtrit(most, 1 - _SIGNIFICANT / 2)))
        split = error[i] ** 2 / degrees[i] + error[others[doubtful]] ** 2 / degrees[others[doubtful]]
        p = 2 * stdtr(variance[doubtful] ** 2 / split, -t[doubtful])
    sure[doubtful] = p < _SIGNIFICANT
    result: NDArray[np.int8] = (np.sign(difference) * sure).astype(np.int8)
    return result
