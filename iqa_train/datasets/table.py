"""The table that every reader returns: images, scores and what else a data set provides. Higher scores are better."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.opinions import Opinions

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageTable:
    """N scored images of one data set, in a fixed order.

    `images` are unique paths relative to `root`, with forward slashes; they identify an image everywhere (predictions,
    random streams). `scores` is float64 (N,), higher is better. `score_range` is the lowest and highest possible score.
    `sd` is the standard deviation of the opinions on each image in units of the score, `votes` their number, both (N,).
    `distribution` float64 (N, K) holds the shares of the opinions in K categories, evenly spaced from the lowest to the
    highest possible score; a row sums to 1.
    `splits` holds "train", "val" or "test" for each image, or is None if there is no official split; official splits
    without validation images have no "val". `references` holds the reference image or scene of each image.
    `split_origin` says in words where `splits` comes from, if not from the data set.
    `resize` is the (width, height) that is customary for training on the set, None for the original size.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    scores: NDArray[np.float64]
    score_range: tuple[float, float]
    higher_is_better: bool = True  # as published; `scores` are already reversed
    sd: NDArray[np.float64] | None = None
    votes: NDArray[np.float64] | None = None
    distribution: NDArray[np.float64] | None = None
    references: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    split_origin: str = ""
    resize: tuple[int, int] | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.images)

    @property
    def opinions(self) -> Opinions | None:
        """Spread and number of the opinions; None unless both are known."""
        return None if self.sd is None or self.votes is None else Opinions(self.sd, self.votes)

    def path(self, index: int) -> Path:
        """The file of image `index`."""
        return self.root / self.images[index]


@dataclass(frozen=True)
class Split:
    """Indices into a table, int64, each sorted, disjoint, none empty."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
