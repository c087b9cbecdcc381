"""Images that a test set has under several names: they count several times, so that intervals and p are too small."""

from collections.abc import Sequence

import numpy as np

from iqa_train.errors import visible
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.runs.predictions import Predictions

_SHARE = 0.01  # of the test images; with scores and predictions of few digits, some coincide by chance


def duplicated_images(experiments: Sequence[ExperimentPredictions]) -> tuple[str, ...]:
    """A note if more than 1 % of the test images have score and all runs' predictions in common with an earlier image.

    Runs that were tested on the same images are taken together; of several test sets, the note is on that with most.
    """
    by_images: dict[tuple[str, ...], list[Predictions]] = {}
    for one in experiments:
        for table in one.by_seed.values():
            by_images.setdefault(table.images, []).append(table)
    found = [(_copies(tables), images) for images, tables in by_images.items()]
    copies, images = max(found, key=lambda one: len(one[0]), default=([], ()))
    if len(copies) <= _SHARE * len(images):
        return ()
    first, second = (visible(images[k]) for k in copies[0])
    return (
        f"suspicious: {len(copies)} of {len(images)} test images have the same score and the same predictions as "
        f"another, such as {second} as {first}: copies count twice, so that p and intervals are too small",
    )


def _copies(tables: Sequence[Predictions]) -> list[tuple[int, int]]:
    """The first image like it, and the image, for each image that is like an earlier one in all tables."""
    numbers = np.column_stack([tables[0].scores, *(table.predictions for table in tables)])
    if not len(numbers) or not np.isfinite(numbers).all():
        return []
    _, first, group = np.unique(numbers, axis=0, return_index=True, return_inverse=True)
    earliest = first[group.ravel()]
    return [(int(earliest[k]), int(k)) for k in np.flatnonzero(earliest != np.arange(len(earliest)))]
