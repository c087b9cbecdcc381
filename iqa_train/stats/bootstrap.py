"""Paired bootstrap over test images, or over shared reference images: all models on the same resamples.

A resample is stored as the count of each unit (`resamples`); metrics are computed from the counts (`registry`), for all
models at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.opinions import Opinions
from iqa_train.stats.registry import METRICS
from iqa_train.stats.resampled_metrics import Counts
from iqa_train.stats.resamples import Resamples

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """The predictions of one trained network on one test set.

    `scores` and `predictions` are (n,); `rows` (n,) is the resampling unit of each image; `opinions` are those behind
    the scores, if known.
    """

    scores: Array
    predictions: Array
    rows: NDArray[np.int64]
    opinions: Opinions | None = None


def bootstrap(models: Sequence[Model], metric: str, resamples: Resamples) -> Array:
    """(len(models), resamples.count): the metric of each model on each resample; NaN where undefined.

    `metric` is a name in the registry. Single-threaded: the calls are too short to benefit from threads.
    """
    measures = [_prepared(models, group, metric) for group in _sharing(models)] if resamples.count else []
    result = np.empty((len(models), resamples.count))
    for number, block in enumerate(resamples.blocks):
        counts = resamples.counts(number)
        for measure in measures:
            measure(counts, result[:, block])
    return result


_Measure = Callable[[Counts, Array], None]


def _sharing(models: Sequence[Model]) -> list[list[int]]:
    """Indices of models, grouped by test set (same images and scores)."""
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
    """A function that fills the rows `group` of the result from counts; sorts everything in advance."""
    first = models[group[0]]
    measure = METRICS[metric].given(first.opinions).prepare(first.scores, [models[k].predictions for k in group])
    everything = np.arange(len(first.rows))

    def fill(counts: Counts, into: Array) -> None:
        whole = len(counts) == len(first.rows) and np.array_equal(first.rows, everything)
        into[list(group)] = measure(counts if whole else counts[first.rows])

    return fill
