"""Batches of crops: gathered from the pixel store by threads, then mirrored, jittered and normalised on the device."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iqa_train.datasets.images.crops import CropPlan, CropSource
from iqa_train.study.normalisation import IMAGENET, Normalisation

_JITTER = (0.1, 0.1, 0.1, 0.05)  # largest change of brightness, contrast, saturation; of hue, in turns
_BLOCK = (1 << 15) - 1  # floats in a block on a CPU; torch splits 32,768 or more among threads
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


@dataclass(frozen=True)
class Batch:
    """Crops start to stop of a plan: `crops` (B, 3, P, P) float32 on the device, normalised."""

    start: int
    stop: int
    crops: Tensor


def batches(
    store: CropSource,
    plan: CropPlan,
    *,
    side: int,
    size: int,
    device: torch.device,
    workers: int,
    normalisation: Normalisation,
    first: int = 0,
) -> Iterator[Batch]:
    """The plan's batches, with the bounds of `batch_bounds`, starting at batch `first`."""
    parts = batch_bounds(len(plan), size)[first:]

    def load(start: int, stop: int) -> Tensor:
        pixels = torch.from_numpy(store.gather(plan.part(start, stop), side))
        return pixels.pin_memory() if device.type == "cuda" else pixels

    for (start, stop), pixels in zip(parts, _ahead(load, parts, workers), strict=True):
        yield Batch(start, stop, prepare(pixels, plan.part(start, stop), device, normalisation))


def batch_bounds(total: int, size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch of `size` crops. The last may be smaller, but a single crop joins the one before.

    Batch normalisation cannot train on one value per channel, which is all that one small crop has at the last stage.
    """
    parts = [(start, min(start + size, total)) for start in range(0, total, size)]
    if len(parts) > 1 and size > 1 and parts[-1][1] - parts[-1][0] == 1:
        parts[-2:] = [(parts[-2][0], total)]
    return parts


def prepare(pixels: Tensor, plan: CropPlan, device: torch.device, normalisation: Normalisation = IMAGENET) -> Tensor:
    """Gathered bytes (B, P, P, 3) -> normalised crops (B, 3, P, P) on the device, mirrored and jittered as planned.

    Like the bytes, the crops are channels last in memory.
    """
    crops = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)
    if plan.flip.any():
        crops = _mirror(crops, plan.flip)
    if plan.jitter is None:
        return _normalise(crops, 255.0, normalisation)
    return _normalise(color_jitter(crops.float() / 255, _to(plan.jitter, device)), 1.0, normalisation)


def _mirror(crops: Tensor, flip: NDArray[np.bool_]) -> Tensor:
    """A copy of crops (B, 3, P, P) with some mirrored. Done on bytes, a quarter of the size of floats."""
    if crops.device.type != "cpu":
        mask = torch.from_numpy(flip).to(crops.device, non_blocking=True)
        return torch.where(mask[:, None, None, None], crops.flip(3), crops)
    out = torch.empty_like(crops)  # on a CPU `where` works byte by byte, flip and copy on whole registers
    for k, mirrored in enumerate(flip.tolist()):
        crop = crops[k : k + 1]
        out[k : k + 1] = crop.flip(3) if mirrored else crop
    return out


def _normalise(crops: Tensor, white: float, normalisation: Normalisation) -> Tensor:
    """Crops (B, 3, P, P), bytes or floats from 0 to `white`, to float32: (crop / white - mean) / std by channel.

    Computed on rows of pixels, for a long innermost loop. A CPU takes them in blocks that fit its cache and are too
    small to be split among threads: waiting for a thread that lost its core would cost more than threads save.
    """
    batch, _, height, width = crops.shape
    rows = crops.permute(0, 2, 3, 1).reshape(batch * height, width * 3)
    scale = torch.tensor([1 / (white * s) for s in normalisation.std], device=crops.device).repeat(width)
    shifts = [-m / s for m, s in zip(normalisation.mean, normalisation.std, strict=True)]
    shift = torch.tensor(shifts, device=crops.device).repeat(width)
    out = torch.empty(rows.shape, device=crops.device)
    block = max(1, _BLOCK // (width * 3)) if crops.device.type == "cpu" else len(rows)
    for start in range(0, len(rows), block):
        part = out[start : start + block].copy_(rows[start : start + block])
        torch.addcmul(shift, part, scale, out=part)
    return out.view(batch, height, width, 3).permute(0, 3, 1, 2)


def color_jitter(crops: Tensor, jitter: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue, in this order, of crops (B, 3, P, P) in [0, 1].

    `jitter` (B, 4) is in [-1, 1): factors are up to 10 % from 1, and hue rotates by up to 0.05 of a turn in YIQ's
    chroma plane.
    """
    factor = 1 + jitter[:, :3] * torch.tensor(_JITTER[:3], device=crops.device)
    brightness, contrast, saturation = (factor[:, k, None, None, None] for k in range(3))
    crops = (crops * brightness).clamp(0, 1)
    mean = _grey(crops).mean((1, 2, 3), keepdim=True)
    crops = (mean + (crops - mean) * contrast).clamp(0, 1)
    grey = _grey(crops)
    crops = (grey + (crops - grey) * saturation).clamp(0, 1)
    angle = 2 * math.pi * _JITTER[3] * jitter[:, 3]
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
    to_yiq = torch.tensor(_TO_YIQ, device=crops.device)
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix, crops).clamp(0, 1)


def _grey(crops: Tensor) -> Tensor:
    weights = torch.tensor(_TO_YIQ[0], device=crops.device)
    return torch.einsum("c,bchw->bhw", weights, crops)[:, None]


def _to(array: NDArray[np.float32], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)


def _ahead(load: Callable[[int, int], Tensor], parts: list[tuple[int, int]], workers: int) -> Iterator[Tensor]:
    """`load` of each part, in order, loading up to two parts per worker ahead."""
    if workers == 0:
        yield from (load(*part) for part in parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Tensor]] = deque()
        try:
            for part in parts:
                pending.append(pool.submit(load, *part))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # if the consumer stops midway, the pool need not finish the rest
            for future in pending:
                future.cancel()
