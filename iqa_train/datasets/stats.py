"""Statistics of a data set: its scores and the sizes of its images."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.decode import read_header
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

BINS = 20


@dataclass(frozen=True)
class Scores:
    """The scores of a table, higher is better, with a histogram: `counts` (BINS,) between `edges` (BINS + 1,)."""

    lowest: float
    mean: float
    highest: float
    sd: float
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Sizes:
    """The number of images of each (width, height), most frequent first, and the images without a readable header."""

    counts: dict[tuple[int, int], int]
    unreadable: tuple[str, ...]

    @property
    def smallest(self) -> int:
        """The shortest side of all images in pixels; 0 if no header can be read."""
        return min((min(size) for size in self.counts), default=0)


def score_stats(table: ImageTable) -> Scores:
    """Spread, and a histogram over the declared range, widened if scores exceed it; the SD divides by n."""
    scores = table.scores
    low, high = min(table.score_range[0], scores.min()), max(table.score_range[1], scores.max())
    counts, edges = np.histogram(scores, BINS, (low, high))
    spread = (float(scores.min()), float(scores.mean()), float(scores.max()), float(scores.std()))
    return Scores(*spread, edges, counts.astype(np.int64))


def image_sizes(table: ImageTable, progress: Callable[[int, int], None] | None = None) -> Sizes:
    """Upright sizes of all images, from their headers. `progress` is called with (done, total)."""
    counts: Counter[tuple[int, int]] = Counter()
    unreadable = []
    for index, name in enumerate(table.images):
        try:
            counts[read_header(table.path(index)).size] += 1
        except DataError:
            unreadable.append(name)
        if progress is not None:
            progress(index + 1, len(table))
    return Sizes(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), tuple(unreadable))
