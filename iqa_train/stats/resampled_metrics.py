"""Metrics on many resamples at once, from the count of each image in each resample.

Resamples are never expanded and sorted. Images are sorted once; ranks follow from running sums of counts, with average
ranks for ties exactly as in an expanded list. SRCC is a ratio of sums of integers without rounding before the division
(for fewer than 200,000 images): the sums are kept in 32 bits if they fit, else in the 53 bits of a float.

`counts` is always (n, m) of integers: how often resample j contains image i. Processing one image (a row of m values)
at a time is much faster than one call on the whole table, which does not fit into the processor's caches.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[Any]
Groups = tuple[tuple[int, ...], ...]

_LARGEST = 2**31 - 1
_FEWEST = 8  # products to sum before 32 bits pay off


def groups_of(values: Array) -> Groups:
    """Indices of (n,) in ascending order, equal values together."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order])) + 1
    if len(starts) == len(order) - 1:  # no ties
        return tuple((image,) for image in order.tolist())
    return tuple(tuple(part.tolist()) for part in np.split(order, starts))


def weighted_srcc(counts: Counts, scores: Groups, predictions: Sequence[Groups]) -> Array:
    """Spearman's correlation of the scores with each prediction: (len(predictions), m); NaN where a side is constant.

    With doubled mid-ranks minus their mean, u for the prediction and v for the score, it is
    sum(w u v) / sqrt(sum(w u^2) sum(w v^2)), and sum(w u^2) = (N^3 - sum of the cubes of tied weights) / 3.
    """
    drawn = counts.sum(axis=0)
    most, images = int(counts.max()), int(drawn.max())
    # |w v| <= most * images and a running sum of weights <= images, so `fit` products fit into 32 bits.
    fit = _LARGEST // (most * images**2)
    kind: type = np.int32 if fit >= _FEWEST else np.float64
    if kind is np.float64:
        fit = len(counts)
    counts = counts.astype(kind, copy=False)
    rows = list(counts)
    ranked = _ranked(counts, scores)
    ranked_rows = list(ranked)
    singly = np.einsum("ij,ij->j", ranked, counts).astype(np.float64)
    cubes = np.einsum("ij,ij,ij->j", counts, counts, counts).astype(np.float64)
    total = drawn.astype(np.float64) ** 3
    spread = _spread(rows, scores, total, cubes)
    result = np.empty((len(predictions), len(drawn)))
    for k, groups in enumerate(predictions):
        covariance = _covariance(rows, ranked_rows, groups, singly, fit)
        result[k] = divided(covariance, spread * _spread(rows, groups, total, cubes))
    return result


def weighted_plcc(counts: Counts, scores: Array, predictions: Array) -> Array:
    """Pearson's correlation of the scores (n,) with each prediction (k, n): (k, m); NaN where a side is constant."""
    y, x = _standard(scores), np.stack([_standard(p) for p in predictions])
    k = len(x)
    means = np.vstack([y, y * y, x, x * x, x * y]) @ counts.astype(np.float64) / counts.sum(axis=0)
    mean_y, square_y = means[:2]
    mean_x, square_x, product = (means[2 + part * k : 2 + (part + 1) * k] for part in range(3))
    spread_y, spread_x = square_y - mean_y**2, square_x - mean_x**2
    tiny = 1e-13  # rounding error of a zero spread, for values of size one
    return divided(product - mean_x * mean_y, np.where((spread_y > tiny) & (spread_x > tiny), spread_y * spread_x, 0))


def weighted_rmse(counts: Counts, scores: Array, predictions: Array) -> Array:
    """Root mean squared difference of the scores (n,) from each prediction (k, n): (k, m)."""
    result: Array = np.sqrt((predictions - scores) ** 2 @ counts.astype(np.float64) / counts.sum(axis=0))
    return result


def weighted_share_wrong(counts: Counts, scores: Array, predictions: Array) -> Array:
    """Share of images whose predictions (k, n) are not exactly the scores (n,): (k, m)."""
    result: Array = (predictions != scores) @ counts.astype(np.float64) / counts.sum(axis=0)
    return result


def linear(counts: Counts, parts: Sequence[tuple[float, Array]]) -> Array:
    """Metrics to first order, from the value and the influence (n,) of each image in k models: (k, m)."""
    drawn = counts.sum(axis=0)
    weights = counts * (len(counts) / drawn)
    result: Array = np.stack([value + influence @ weights for value, influence in parts])  # influences sum to zero
    return result


def _ranked(counts: Counts, groups: Groups) -> Counts:
    """(n, m): each image's doubled mid-rank minus the mean, times its count."""
    ranked = np.empty_like(counts)
    rank = -counts.sum(axis=0, dtype=counts.dtype)
    for group in groups:
        weight = summed(counts, group)
        np.add(rank, weight, out=rank)
        for i in group:
            np.multiply(rank, counts[i], out=ranked[i])
        np.add(rank, weight, out=rank)
    return ranked


def _covariance(rows: Sequence[Counts], ranked: Sequence[Counts], groups: Groups, singly: Array, fit: int) -> Array:
    """Sum of w u v, where `ranked` is w v: twice its running product with the weights, minus what that counts twice.

    `singly` is the sum of w (w v), which is subtracted where no predictions are tied; `fit` products can be summed in
    the number type of the rows.
    """
    covariance, doubled = np.zeros_like(singly), singly
    upto, product = np.zeros_like(rows[0]), np.empty_like(rows[0])
    add, multiply = np.add, np.multiply
    for at in range(0, len(groups), fit):
        part = np.zeros_like(product)
        for group in groups[at : at + fit]:
            if len(group) == 1:
                add(upto, rows[group[0]], upto)
                multiply(upto, ranked[group[0]], product)
                add(part, product, part)
            else:
                weight, rank = summed(rows, group), summed(ranked, group).astype(np.float64)
                add(upto, weight, upto)
                covariance += upto * rank
                doubled = doubled + weight * rank - sum(rows[i] * ranked[i] for i in group)
        covariance += part
    return 2 * covariance - doubled


def _spread(rows: Sequence[Counts], groups: Groups, total: Array, cubes: Array) -> Array:
    """Sum of w u^2: `total` is N^3, `cubes` the sum of w^3, which is corrected for ties."""
    for group in groups:
        if len(group) > 1:
            cubes = cubes + summed(rows, group).astype(np.float64) ** 3 - sum(rows[i].astype(float) ** 3 for i in group)
    result: Array = (total - cubes) / 3
    return result


def summed(rows: Sequence[Counts] | Counts, group: tuple[int, ...]) -> Counts:
    """The sum of some rows; a single row is returned itself and must not be written to."""
    total: Counts = rows[group[0]]
    for i in group[1:]:
        total = total + rows[i]
    return total


def _standard(values: Array) -> Array:
    """(n,) minus its mean, scaled to a maximum magnitude of one."""
    centred: Array = values - values.mean()
    size = np.abs(centred).max()
    return centred / size if size > 0 else centred


def divided(numerator: Array, product: Array) -> Array:
    """`numerator` divided by the root of `product`, within [-1, 1]; NaN where `product` is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(product > 0, np.clip(numerator / np.sqrt(product), -1.0, 1.0), np.nan)
    return result
