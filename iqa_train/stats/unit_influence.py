"""The influence of each resampling unit (an image, or all images of a reference) on a model's metric."""

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.bootstrap import Model
from iqa_train.stats.influence import jackknife_influence
from iqa_train.stats.registry import METRICS

Array = NDArray[np.float64]


def unit_influence(model: Model, metric: str, units: int) -> Array:
    """(units,): summed over the images of each unit; 0 for units that the model was not tested on."""
    per_image = METRICS[metric].given(model.opinions).influence
    if per_image is not None:
        summed: Array = np.bincount(model.rows, per_image(model.predictions, model.scores), units).astype(np.float64)
        return summed
    measure = METRICS[metric].prepare(model.scores, [model.predictions])
    return jackknife_influence(lambda counts: measure(counts)[0], model.rows, units)
