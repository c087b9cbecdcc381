"""What the images of a batch are known to be worth: their scores and, where the data set has them, the opinions."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iqa_train.datasets.table import ImageTable
from iqa_train.errors import UsageError
from iqa_train.study.loss_checks import options_out_of_range
from iqa_train.study.settings import TrainingConfig

WITH_OPINIONS = ("fidelity", "emd")
"""The losses that use more than the scores."""


@dataclass(frozen=True)
class Targets:
    """Of B crops or images: `scores` (B,), higher is better, within `score_range`.

    `sd` (B,) is the standard deviation of the opinions in units of the score. `distribution` (B, K) holds the shares of
    the opinions in K categories, evenly spaced from the lowest to the highest possible score; a row sums to 1. Either
    is None where it is not known. An index, as of a tensor, selects crops.
    """

    scores: Tensor
    score_range: tuple[float, float]
    sd: Tensor | None = None
    distribution: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Tensor | slice) -> "Targets":
        return Targets(
            self.scores[index],
            self.score_range,
            None if self.sd is None else self.sd[index],
            None if self.distribution is None else self.distribution[index],
        )


def targets_of(table: ImageTable, device: torch.device) -> Targets:
    """The targets of all images of a table, float32 on the device.

    SDs that are unknown, or of which some are negative, are replaced by those of the distribution, where there is one.
    """
    sd = table.sd
    if sd is not None and not (sd >= 0).all():
        sd = None
    if sd is None and table.distribution is not None:
        sd = _spread(table.distribution, table.score_range)

    def on_device(values: NDArray[np.float64] | None) -> Tensor | None:
        return None if values is None else torch.from_numpy(values.astype(np.float32)).to(device)

    scores = torch.from_numpy(table.scores.astype(np.float32)).to(device)
    return Targets(scores, table.score_range, on_device(sd), on_device(table.distribution))


def _spread(distribution: NDArray[np.float64], score_range: tuple[float, float]) -> NDArray[np.float64]:
    """The standard deviation (N,) of opinions distributed so (N, K) over `score_range`."""
    values = np.linspace(*score_range, distribution.shape[1])
    mean = distribution @ values
    variance = (distribution * (values - mean[:, None]) ** 2).sum(axis=1)
    spread: NDArray[np.float64] = np.sqrt(variance)
    return spread


def require_opinions(settings: TrainingConfig, table: ImageTable) -> None:
    """Raise UsageError if the loss needs opinions that the data set does not have, or an option is out of range."""
    if settings.loss_type == "emd" and table.distribution is None:
        why = next((note for note in table.notes if "distribution" in note), "its table has no columns of it")
        raise UsageError(
            f'loss_type = emd needs the distribution of the opinions on each image of "{table.name}" ({table.root}): '
            f"{why}; take another loss, or declare distribution_columns in [datasets.{table.name}]"
        )
    for _, says in options_out_of_range(settings):
        raise UsageError(says)


def opinions_digest(table: ImageTable) -> str:
    """Sixteen hex digits of the SDs and the distribution of the opinions; "" if neither is known."""
    known = [part.tobytes() for part in (table.sd, table.distribution) if part is not None]
    return hashlib.sha256(b"".join(known)).hexdigest()[:16] if known else ""


def opinion_notes(settings: TrainingConfig, table: ImageTable) -> list[str]:
    """For the log: what `fidelity` does on a data set without SDs."""
    if settings.loss_type != "fidelity" or table.sd is not None or table.distribution is not None:
        return []
    return [f"note: {table.name} has no SDs of opinions: to fidelity, all raters prefer the higher score of a pair"]
