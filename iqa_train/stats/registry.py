"""The metrics of a study's results, each registered once: everything that computes or shows one reads it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.interval import Interval
from iqa_train.stats.metrics import krcc, plcc, rmse, srcc
from iqa_train.stats.resampled_kendall import walk_of, weighted_krcc
from iqa_train.stats.resampled_metrics import Counts, groups_of, weighted_plcc, weighted_rmse, weighted_srcc

Array = NDArray[np.float64]
OnResamples = Callable[[Counts], Array]
"""Counts (B, n) of each image in each resample -> the metric of M models (M, B)."""


@dataclass(frozen=True)
class Metric:
    """What is known of a metric.

    `value(predictions, scores)`, both (n,), is NaN where it is undefined. `prepare(scores, predictions of M models)`
    returns the same on resamples. `fitted` predictions are mapped to scores by the logistic first. `correlation` is the
    function whose tests for dependent correlations (Williams, Zou) apply, if any do.
    """

    name: str  # in --metric and --json
    label: str
    value: Callable[[Array, Array], float]
    prepare: Callable[[Array, Sequence[Array]], OnResamples]
    higher_is_better: bool = True
    bounds: Interval = (-1.0, 1.0)
    fitted: bool = False
    correlation: Callable[[Array, Array], float] | None = None
    ranks: bool = False  # the correlation is of ranks
    resamples: int = 10_000  # of every interval and p, unless asked otherwise


def _srcc(scores: Array, predictions: Sequence[Array]) -> OnResamples:
    return partial(weighted_srcc, scores=groups_of(scores), predictions=[groups_of(p) for p in predictions])


def _krcc(scores: Array, predictions: Sequence[Array]) -> OnResamples:
    return partial(weighted_krcc, walks=[walk_of(scores, p) for p in predictions])


def _plcc(scores: Array, predictions: Sequence[Array]) -> OnResamples:
    return partial(weighted_plcc, scores=scores, predictions=np.stack(predictions))


def _rmse(scores: Array, predictions: Sequence[Array]) -> OnResamples:
    return partial(weighted_rmse, scores=scores, predictions=np.stack(predictions))


# The logistic is fitted once, to all images, and kept in the resamples: it is a least-squares fit, so that a small
# change of its parameters changes neither the error nor PLCC to first order, and what is left of it is far below the
# interval (four parameters, hundreds of images).
_ALL = (
    Metric("srcc", "SRCC", srcc, _srcc, correlation=srcc, ranks=True),
    Metric("krcc", "KRCC", krcc, _krcc, resamples=2_000),  # takes four times as long as SRCC; p is at least 0.001
    Metric("plcc", "PLCC", plcc, _plcc, correlation=plcc),
    Metric("plcc_fit", "PLCC after logistic fit", plcc, _plcc, correlation=plcc, fitted=True),
    Metric("rmse_fit", "RMSE after logistic fit", rmse, _rmse, higher_is_better=False, bounds=(0.0, inf), fitted=True),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
