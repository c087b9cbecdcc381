"""Scores of images: the mean over their crops, in large batches without gradients.

A CPU's libraries sum up in another order in batches of another size, which moves a score's last digits. So all batches
are of one size, a multiple of what is computed together, the last filled up: then a crop's score depends on the crop
alone, not on what is tested beside it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from iqa_train.datasets.images.crops import CropPlan, CropSource
from iqa_train.training.batches import batches
from iqa_train.training.compute_device import ComputeDevice

_BATCH = 256  # crops on a GPU
_CPU_BATCH, _CPU_PIXELS = 32, 1 << 19  # crops, and pixels of them all: features of more leave a CPU's cache
_TOGETHER = 8  # crops that a CPU computes together


def predict(
    network: nn.Module,
    store: CropSource,
    plan: CropPlan,
    *,
    side: int,
    device: ComputeDevice,
    workers: int,
    tick: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """Predictions (N,) for a plan that holds the same number of crops of each image, image by image.

    `tick` is called with the crops done so far and may raise to end the evaluation.
    """
    images, per_image = np.unique(plan.image, return_counts=True)
    on_cpu = device.torch.type == "cpu"
    size = max(_TOGETHER, min(_CPU_BATCH, _CPU_PIXELS // side**2) // _TOGETHER * _TOGETHER) if on_cpu else _BATCH
    whole = plan.filled(size)
    scores = torch.empty(len(whole), dtype=torch.float32, device=device.torch)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode(), device.autocast():
            for batch in batches(store, whole, side=side, size=size, device=device.torch, workers=workers):
                scores[batch.start : batch.stop] = network(batch.crops).float()
                tick(min(batch.stop, len(plan)))
    finally:
        network.train(was_training)
    crops = scores[: len(plan)].cpu().numpy().astype(np.float64)
    means: NDArray[np.float64] = crops.reshape(len(images), int(per_image[0])).mean(1)
    return means
