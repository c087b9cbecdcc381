"""Scores of images: the mean over their crops, computed in large batches without gradients.

On a CPU the order of summation, and with it a score's last digits, depends on the batch size. So all batches have the
same size, a multiple of what the CPU computes together, and the last is padded: a crop's score then depends on the crop
alone, not on what is scored beside it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from iqa_train.datasets.images.crops import CropPlan, CropSource, ImageSizes, eval_crops
from iqa_train.errors import RunError
from iqa_train.study.normalisation import Normalisation
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.batches import batches
from iqa_train.training.compute_device import ComputeDevice

_BATCH = 256  # crops on a GPU
_CPU_BATCH, _CPU_PIXELS = 32, 1 << 19  # most crops, and most pixels, of a batch whose features fit a CPU's cache
_TOGETHER = 8  # crops that a CPU computes together


class NonFiniteScoreError(RunError):
    """The network's score of an image is not a finite number."""


def score_images(
    network: nn.Module,
    source: CropSource,
    images: ImageSizes,
    settings: TrainingConfig,
    device: ComputeDevice,
    *,
    normalisation: Normalisation,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> NDArray[np.float64]:
    """Scores (N,) of `images`, on the crops that the settings and their seed choose. Raises NonFiniteScoreError.

    `tick` is called with the crops done and their total, and may raise to end the evaluation.
    """
    plan = eval_crops(
        images, seed=settings.seed, per_image=settings.test_patch_num, side=settings.patch_size,
        random=settings.test_random_crop,
    )  # fmt: skip
    scores = predict(
        network, source, plan, side=settings.patch_size, device=device, workers=settings.workers,
        normalisation=normalisation, tick=lambda done: tick(done, len(plan)),
    )  # fmt: skip
    if not np.isfinite(scores).all():
        raise NonFiniteScoreError("a prediction is not a finite number: the network is damaged or diverged")
    return scores


def predict(
    network: nn.Module,
    source: CropSource,
    plan: CropPlan,
    *,
    side: int,
    device: ComputeDevice,
    workers: int,
    normalisation: Normalisation,
    tick: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """Scores (N,) for a plan with the same number of crops of each image, image by image."""
    images, per_image = np.unique(plan.image, return_counts=True)
    on_cpu = device.torch.type == "cpu"
    size = max(_TOGETHER, min(_CPU_BATCH, _CPU_PIXELS // side**2) // _TOGETHER * _TOGETHER) if on_cpu else _BATCH
    padded = plan.filled(size)
    scores = torch.empty(len(padded), dtype=torch.float32, device=device.torch)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode(), device.autocast():
            loaded = batches(
                source, padded, side=side, size=size, device=device.torch, workers=workers, normalisation=normalisation
            )
            for batch in loaded:
                scores[batch.start : batch.stop] = network(batch.crops).float()
                tick(min(batch.stop, len(plan)))
    finally:
        network.train(was_training)
    by_crop = scores[: len(plan)].cpu().numpy().astype(np.float64)
    means: NDArray[np.float64] = by_crop.reshape(len(images), int(per_image[0])).mean(1)
    return means
