"""Chooses the crops of an epoch or an evaluation, as a pure function of the seed, the epoch and the images."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.philox import uniforms

_TRAIN, _JITTER, _TEST = 0, 1, 2  # purposes of random streams


@dataclass(frozen=True)
class CropPlan:
    """M crops in the order in which they are used: store index, top left corner, mirrored or not, colour jitter.

    `jitter` is (M, 4) in [-1, 1) for brightness, contrast, saturation and hue, or None.
    """

    image: NDArray[np.int64]
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    flip: NDArray[np.bool_]
    jitter: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.image)

    def part(self, start: int, stop: int) -> "CropPlan":
        jitter = None if self.jitter is None else self.jitter[start:stop]
        rows = slice(start, stop)
        return CropPlan(self.image[rows], self.top[rows], self.left[rows], self.flip[rows], jitter)

    def filled(self, size: int) -> "CropPlan":
        """The plan without jitter, its last crop repeated until its length is a multiple of `size`."""
        rows = np.minimum(np.arange(-(-len(self) // size) * size), len(self) - 1)
        return CropPlan(self.image[rows], self.top[rows], self.left[rows], self.flip[rows])


class CropSource(Protocol):
    """Images from which crops can be cut."""

    def gather(self, plan: CropPlan, side: int) -> NDArray[np.uint8]:
        """The plan's crops, (M, side, side, 3), not yet mirrored. Safe to call from several threads."""
        ...


@dataclass(frozen=True)
class ImageSizes:
    """What a plan needs to know about images: store indices, stream keys, heights and widths, each (N,)."""

    index: NDArray[np.int64]
    key: NDArray[np.uint64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]


def training_crops(
    pictures: ImageSizes, *, seed: int, epoch: int, per_image: int, side: int, color_jitter: bool
) -> CropPlan:
    """`per_image` random, randomly mirrored crops of each image, shuffled over the whole epoch."""
    keys, crops = np.meshgrid(pictures.key, np.arange(per_image), indexing="ij")
    u = uniforms(seed, _TRAIN, epoch, keys, crops).reshape(-1, 4)
    order = np.argsort(u[:, 3], kind="stable")
    u = u[order]
    row = order // per_image
    jitter = None
    if color_jitter:
        jitter = (2 * uniforms(seed, _JITTER, epoch, keys, crops).reshape(-1, 4)[order] - 1).astype(np.float32)
    top, left = _corner(u, pictures.height[row], pictures.width[row], side)
    return CropPlan(pictures.index[row], top, left, u[:, 2] < 0.5, jitter)


def eval_crops(pictures: ImageSizes, *, seed: int, per_image: int, side: int, random: bool) -> CropPlan:
    """Crops image by image: `per_image` random ones, the same in every epoch, or only the centre."""
    if not random:
        top, left = (pictures.height - side) // 2, (pictures.width - side) // 2
        return CropPlan(pictures.index, top, left, np.zeros(len(top), np.bool_))
    keys, crops = np.meshgrid(pictures.key, np.arange(per_image), indexing="ij")
    u = uniforms(seed, _TEST, 0, keys, crops).reshape(-1, 4)
    row = np.repeat(np.arange(len(pictures.index)), per_image)
    top, left = _corner(u, pictures.height[row], pictures.width[row], side)
    return CropPlan(pictures.index[row], top, left, np.zeros(len(row), np.bool_))


def _corner(
    u: NDArray[np.float64], height: NDArray[np.int64], width: NDArray[np.int64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (u[:, 0] * (height - side + 1)).astype(np.int64), (u[:, 1] * (width - side + 1)).astype(np.int64)
