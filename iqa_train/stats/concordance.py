"""With how many others each pair of two values is concordant or discordant: what Kendall's tau-b is made of.

Counts are exact integers in O(n log n): of each pair, the others that lie below in both values are counted by merging
(Knight, Journal of the American Statistical Association 61, 1966), and the rest follows from counts of ties.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Counts = NDArray[np.int64]


def concordance(x: Scores, y: Scores) -> Counts:
    """(n,): with how many others each pair of (n,) and (n,) is concordant, minus with how many it is discordant."""
    (below_x, level_x), (below_y, level_y) = _below(x), _below(y)
    n = len(level_x)
    with_x, with_y = np.bincount(level_x)[level_x], np.bincount(level_y)[level_y]  # equal, the pair itself included
    below_in_x, below_in_y, equal = _within(level_x, level_y), _within(level_y, level_x), _equal(level_x, level_y)
    both_below = _both_below(level_x, level_y)
    x_below_y_above = below_x - both_below - below_in_y
    x_above_y_below = below_y - both_below - below_in_x
    x_above_y_equal = with_y - equal - below_in_y
    both_above = (n - below_x - with_x) - x_above_y_equal - x_above_y_below
    result: Counts = both_below + both_above - x_below_y_above - x_above_y_below
    return result


def _below(values: Scores) -> tuple[Counts, Counts]:
    """How many values are below each, and dense ranks from 0."""
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts)[level], level


def _within(same: Counts, level: Counts) -> Counts:
    """Of each, how many others are equal in `same` and below in `level`."""
    order = np.lexsort((level, same))
    at = np.arange(len(order))
    group, tie = (np.maximum.accumulate(np.where(starts, at, 0)) for starts in _starts(same[order], level[order]))
    result = np.empty(len(order), dtype=np.int64)
    result[order] = tie - group
    return result


def _starts(same: Counts, level: Counts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where, in sorted order, another value of `same` begins; where another pair does."""
    other = np.append(True, same[1:] != same[:-1])
    return other, other | np.append(True, level[1:] != level[:-1])


def _equal(level_x: Counts, level_y: Counts) -> Counts:
    """How many are equal to each in both, itself included."""
    _, pair, counts = np.unique(level_x * (level_y.max() + 1) + level_y, return_inverse=True, return_counts=True)
    result: Counts = counts[pair]
    return result


def _both_below(level_x: Counts, level_y: Counts) -> Counts:
    """How many are below each in both.

    In order of x, and of equal ones from the highest y, these are the earlier ones with a lower y.
    """
    order = np.lexsort((-level_y, level_x))
    y, at = level_y[order], np.arange(len(order))
    span = int(y.max()) + 1
    found = np.zeros(len(y), dtype=np.int64)
    width = 1
    while width < len(y):
        block = at // (2 * width)
        right = at // width % 2 == 1
        left = ~right
        lower = np.sort(block[left] * span + y[left])  # blocks stay apart; a left half with a right one is full
        found[right] += np.searchsorted(lower, block[right] * span + y[right]) - block[right] * width
        width *= 2
    result = np.empty_like(found)
    result[order] = found
    return result
