"""Scores of images: the mean over their crops, in large batches without gradients."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from iqa_train.datasets.crops import CropPlan
from iqa_train.datasets.pixels import PixelStore
from iqa_train.training.batches import batches
from iqa_train.training.device import Device

BATCH = 64  # crops; more makes a CPU slower, and leaves a GPU as it is


def predict(
    network: nn.Module,
    store: PixelStore,
    plan: CropPlan,
    *,
    side: int,
    device: Device,
    workers: int,
    tick: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """Predictions (N,) for a plan that holds the same number of crops of each image, image by image.

    `tick` is called with the crops done so far and may raise to end the evaluation.
    """
    images, per_image = np.unique(plan.image, return_counts=True)
    scores = torch.empty(len(plan), dtype=torch.float32, device=device.torch)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode(), device.autocast():
            for batch in batches(store, plan, side=side, size=BATCH, device=device.torch, workers=workers):
                scores[batch.start : batch.stop] = network(batch.crops).float()
                tick(batch.stop)
    finally:
        network.train(was_training)
    crops = scores.cpu().numpy().astype(np.float64)
    means: NDArray[np.float64] = crops.reshape(len(images), int(per_image[0])).mean(1)
    return means
