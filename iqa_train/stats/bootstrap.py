"""Paired bootstrap over images, or over the references they share: every model on the same resamples of the test set.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13: the percentile interval. A resample is how often
it holds each unit (`resample`), and the measures are computed from that (`weighted`), for all models at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.interval import Interval
from iqa_train.stats.resampled_kendall import walk_of, weighted_krcc
from iqa_train.stats.resampled_metrics import Counts, groups_of, weighted_plcc, weighted_rmse, weighted_srcc
from iqa_train.stats.resamples import Resamples

Array = NDArray[np.float64]

RESAMPLES = 10_000
"""Of every interval and p, unless asked otherwise; of KRCC fewer."""

_RESAMPLES_OF_KRCC = 2_000  # it takes four times as long as SRCC; p is then at least 0.001

LEVEL = 0.95
_NOTHING = 1e-12  # differences below it are rounding


@dataclass(frozen=True)
class Model:
    """What one trained network says of one test set.

    `scores` and `predictions` are (n,); `rows` (n,) says which of the units that are drawn each image belongs to.
    """

    scores: Array
    predictions: Array
    rows: NDArray[np.int64]


def usual_resamples(metric: str) -> int:
    """How many resamples a metric's intervals and p are computed from."""
    return _RESAMPLES_OF_KRCC if metric == "krcc" else RESAMPLES


def bootstrap(models: Sequence[Model], metric: str, resamples: Resamples) -> Array:
    """(len(models), resamples.count): the measure of each model on each resample; NaN where it is undefined there.

    `metric` is srcc, krcc, plcc or rmse. One thread: the work is calls too short to share between several.
    """
    measures = [_prepared(models, group, metric) for group in _sharing(models)] if resamples.count else []
    result = np.empty((len(models), resamples.count))
    for number, block in enumerate(resamples.blocks):
        counts = resamples.counts(number)
        for measure in measures:
            measure(counts, result[:, block])
    return result


def interval_of(draws: Array, level: float = LEVEL) -> Interval | None:
    """Percentile interval of (B,); undefined draws are left out, and None if they are half of them or more."""
    known = draws[np.isfinite(draws)]
    if 2 * len(known) <= len(draws):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(draws: Array) -> float | None:
    """Two-sided p of "no difference" from (B,) resampled differences: 2 min(P*(d <= 0), P*(d >= 0)), at most 1.

    One is added to the count and to the number of resamples (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 4.2), so that p is never 0: with 10,000 resamples it is at least 0.0002.
    """
    known = draws[np.isfinite(draws)]
    if 2 * len(known) <= len(draws):
        return None
    fewest = min(np.count_nonzero(known <= _NOTHING), np.count_nonzero(known >= -_NOTHING))
    return float(min(1.0, 2 * (fewest + 1) / (len(known) + 1)))


_Measure = Callable[[Counts, Array], None]


def _sharing(models: Sequence[Model]) -> list[list[int]]:
    """Models by test set: those of one list have the same images and scores."""
    found: list[list[int]] = []
    for number, model in enumerate(models):
        for group in found:
            first = models[group[0]]
            if np.array_equal(first.rows, model.rows) and np.array_equal(first.scores, model.scores):
                group.append(number)
                break
        else:
            found.append([number])
    return found


def _prepared(models: Sequence[Model], group: Sequence[int], metric: str) -> _Measure:
    """A function that fills the rows `group` of the result from counts, with everything sorted beforehand."""
    first = models[group[0]]
    predictions = [models[k].predictions for k in group]
    measure: Callable[[Counts], Array]
    if metric == "srcc":
        orders = [groups_of(p) for p in predictions]
        measure = partial(weighted_srcc, scores=groups_of(first.scores), predictions=orders)
    elif metric == "krcc":
        measure = partial(weighted_krcc, walks=[walk_of(first.scores, p) for p in predictions])
    else:
        weighted = {"plcc": weighted_plcc, "rmse": weighted_rmse}[metric]
        measure = partial(weighted, scores=first.scores, predictions=np.stack(predictions))
    everything = np.arange(len(first.rows))

    def fill(counts: Counts, into: Array) -> None:
        whole = len(counts) == len(first.rows) and np.array_equal(first.rows, everything)
        into[list(group)] = measure(counts if whole else counts[first.rows])

    return fill
