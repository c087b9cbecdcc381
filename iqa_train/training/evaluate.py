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

_BATCH = 256  # crops on a GPU
_CPU_BATCH, _CPU_PIXELS = 32, 1 << 19  # crops, and pixels of them all: features of more leave a CPU's cache


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
    on_cpu = device.torch.type == "cpu"
    size = min(_CPU_BATCH, max(1, _CPU_PIXELS // side**2)) if on_cpu else _BATCH
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode(), device.autocast():
            for batch in batches(store, plan, side=side, size=size, device=device.torch, workers=workers):
                scores[batch.start : batch.stop] = network(batch.crops).float()
                tick(batch.stop)
    finally:
        network.train(was_training)
    crops = scores.cpu().numpy().astype(np.float64)
    means: NDArray[np.float64] = crops.reshape(len(images), int(per_image[0])).mean(1)
    return means
