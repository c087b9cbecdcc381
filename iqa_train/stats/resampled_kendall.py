"""Kendall's tau-b on many resamples at once, from the count of each image in each resample.

Concordant pairs are counted by the highest binary digit in which the ranks of two predictions differ. Such pairs share
a bucket of equal higher digits, within which that digit decides which rank is higher. So each digit takes one pass over
the images in order of score: O(n log n) per resample instead of O(n^2), and the order is computed once for all
resamples. The remaining pairs that differ in both are discordant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.resampled_metrics import Array, Counts, Groups, divided, groups_of, summed

_LARGEST = 2**31 - 1

Bucket = tuple[tuple[tuple[int, bool], ...], ...]
"""Images with equal higher digits of the prediction's rank, by ascending score; images of equal score form one group
and no pairs. True: the digit is set."""


@dataclass(frozen=True)
class PairOrder:
    """The order in which pairs are counted for the scores and one prediction, and the ties."""

    buckets: tuple[Bucket, ...]
    scores: Groups
    predictions: Groups
    both: Groups  # images equal in score and prediction


def pair_order(scores: Array, predictions: Array) -> PairOrder:
    """The order for scores and predictions, both (n,)."""
    level, rank = _numbered(scores), _numbered(predictions)
    buckets = [bucket for digit in range(int(rank.max()).bit_length()) for bucket in _buckets(rank >> digit, level)]
    both = groups_of((level * (rank.max() + 1) + rank).astype(np.float64))
    return PairOrder(tuple(buckets), groups_of(scores), groups_of(predictions), both)


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
    total, below, product = np.zeros_like(rows[0]), np.zeros_like(rows[0]), np.empty_like(rows[0])
    add, multiply = np.add, np.multiply
    for bucket in order.buckets:
        below.fill(0)
        for members in bucket:
            for image, up in members:
                if up:
                    multiply(rows[image], below, product)
                    add(total, product, total)
            for image, up in members:
                if not up:
                    add(below, rows[image], below)
    return total


def _tied(rows: Sequence[Counts], groups: Groups) -> Array:
    """(m,): the sum of squared weights of groups, which is N plus twice the number of pairs within them."""
    squares = np.zeros_like(rows[0])
    for group in groups:
        squares += summed(rows, group) ** 2
    return squares.astype(np.float64)


def _buckets(rank: NDArray[np.int64], level: NDArray[np.int64]) -> list[Bucket]:
    """The buckets of the lowest digit of `rank` that hold both a 0 and, at a higher level, a 1."""
    whose, up, which = (rank >> 1).tolist(), (rank & 1).astype(bool).tolist(), level.tolist()
    found: dict[int, dict[int, list[tuple[int, bool]]]] = {}
    for image in np.lexsort((level, rank >> 1)).tolist():
        found.setdefault(whose[image], {}).setdefault(which[image], []).append((image, up[image]))
    return [tuple(tuple(members) for members in by_level.values()) for by_level in found.values() if len(by_level) > 1]


def _numbered(values: Array) -> NDArray[np.int64]:
    """(n,): dense ranks from 0, equal for ties."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
