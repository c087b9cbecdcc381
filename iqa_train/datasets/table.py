"""The one table every reader gives: images, scores, and what else a data set knows. After it, higher is better."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageTable:
    """N scored images of one data set, in a fixed order.

    `images` are paths relative to `root`, unique, with forward slashes; they name an image everywhere (predictions,
    random streams). `scores` is float64 (N,), higher is better. `score_range` is the lowest and highest possible.
    `splits` holds "train", "val" or "test" per image, or is None where nothing official is published; official
    sets without validation images have no "val". `references` names the pristine image or scene per image.
    `split_origin` says in words where `splits` comes from if they are not the set's own.
    `resize` is the (width, height) at which the set is trained on by custom, None for as it is.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    scores: NDArray[np.float64]
    score_range: tuple[float, float]
    higher_is_better: bool = True  # as published; `scores` here are already turned round
    sd: NDArray[np.float64] | None = None
    references: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    split_origin: str = ""
    resize: tuple[int, int] | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.images)

    def path(self, index: int) -> Path:
        """Where image `index` lies."""
        return self.root / self.images[index]


@dataclass(frozen=True)
class Split:
    """Indices into a table, int64, each sorted, disjoint, none empty."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
