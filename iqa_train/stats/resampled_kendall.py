"""Kendall's tau-b on many resamples at once, from the count of each image in each resample.

Concordant pairs are counted by the highest binary digit in which the ranks of two predictions differ. Such pairs share
a bucket of equal higher digits, within which that digit decides which rank is higher. So each digit takes one pass over
the images in order of score: O(n log n) per resample instead of O(n^2), and the order is computed once for all
resamples. Images that follow each other without the digit, or with it, are added up first, so that a pass has a
multiplication for each change of the digit only. The remaining pairs that differ in both are discordant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.resampled_metrics import Array, Counts, Groups, divided, groups_of, summed

_LARGEST = 2**31 - 1

Step = tuple[bool, tuple[int, ...], tuple[int, ...]]
"""Images without the digit, then images of higher scores with it, all of one bucket; True: the first of the bucket."""


@dataclass(frozen=True)
class PairOrder:
    """The order in which pairs are counted for the scores and one prediction, and the ties."""

    steps: tuple[Step, ...]
    scores: Groups
    predictions: Groups
    both: Groups  # images equal in score and prediction


def pair_order(scores: Array, predictions: Array) -> PairOrder:
    """The order for scores and predictions, both (n,)."""
    level, rank = _numbered(scores), _numbered(predictions)
    steps = [step for digit in range(int(rank.max()).bit_length()) for step in _steps(rank >> digit, level)]
    both = groups_of((level * (rank.max() + 1) + rank).astype(np.float64))
    return PairOrder(tuple(steps), groups_of(scores), groups_of(predictions), both)


def weighted_krcc(counts: Counts, orders: Sequence[PairOrder]) -> Array:
    """Tau-b for each order: (len(orders), m); NaN where a side is constant. `counts` as in `resampled_metrics`."""
    drawn = counts.sum(axis=0)
    kind: type = np.int32 if int(drawn.max()) ** 2 <= _LARGEST else np.float64
    rows = list(counts.astype(kind, copy=False))
    pairs = drawn.astype(np.float64) ** 2
    result = np.empty((len(orders), len(drawn)))
    tied: dict[Groups, Array] = {}
    for k, order in enumerate(orders):
        for groups in (order.scores, order.predictions, order.both):
            if groups not in tied:
                tied[groups] = _tied(rows, groups)
        of_scores, of_predictions = pairs - tied[order.scores], pairs - tied[order.predictions]
        differing = of_scores + of_predictions - pairs + tied[order.both]  # in both; twice the number of pairs
        balance = 4 * _concordant(rows, order).astype(np.float64) - differing
        result[k] = divided(balance, of_scores * of_predictions)
    return result


def _concordant(rows: Sequence[Counts], order: PairOrder) -> Counts:
    """(m,): pairs in which the higher score has the higher prediction."""
    total, below, product = np.zeros_like(rows[0]), rows[0], np.empty_like(rows[0])
    for first, without, with_digit in order.steps:
        below = summed(rows, without) if first else below + summed(rows, without)
        np.multiply(below, summed(rows, with_digit), product)
        np.add(total, product, total)
    return total


def _tied(rows: Sequence[Counts], groups: Groups) -> Array:
    """(m,): the sum of squared weights of groups, which is N plus twice the number of pairs within them."""
    squares = np.zeros_like(rows[0])
    for group in groups:
        squares += summed(rows, group) ** 2
    return squares.astype(np.float64)


def _steps(rank: NDArray[np.int64], level: NDArray[np.int64]) -> list[Step]:
    """The steps for the lowest digit of `rank`, in buckets of equal higher digits by ascending score.

    Of equal scores, which form no pairs, images with the digit come first.
    """
    order = np.lexsort((-(rank & 1), level, rank >> 1))
    ordered, images = rank[order], order.tolist()
    starts = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist()]  # of runs of equal rank
    runs = [tuple(images[start:end]) for start, end in zip(starts, [*starts[1:], len(images)], strict=True)]
    of_run = ordered[starts].tolist()
    return [
        (k < 3 or of_run[k - 3] != of_run[k - 1], runs[k - 1], runs[k])
        for k in range(1, len(runs))
        if of_run[k] == of_run[k - 1] + 1 and of_run[k] & 1
    ]


def _numbered(values: Array) -> NDArray[np.int64]:
    """(n,): dense ranks from 0, equal for ties."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
