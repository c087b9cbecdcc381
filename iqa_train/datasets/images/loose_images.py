"""In-memory images with the pixel store's cropping interface, for pictures outside any data set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.crops import CropPlan, ImageSizes
from iqa_train.datasets.images.philox import image_keys
from iqa_train.datasets.images.stored_image import stored_pixels, stored_size
from iqa_train.errors import DataError
from iqa_train.regular import real_path


class LooseImages:
    """Images (H, W, 3) uint8, and the names from which their random streams derive."""

    def __init__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> None:
        self._images = list(images)
        self._keys = image_keys(tuple(names))

    def pictures(self) -> ImageSizes:
        """What crop plans need to know about all images."""
        sizes = np.array([image.shape[:2] for image in self._images], np.int64)
        return ImageSizes(np.arange(len(sizes), dtype=np.int64), self._keys, sizes[:, 0], sizes[:, 1])

    def gather(self, plan: CropPlan, side: int) -> NDArray[np.uint8]:
        """The plan's crops, (M, side, side, 3), not yet mirrored. Safe to call from several threads."""
        out = np.empty((len(plan), side, side, 3), np.uint8)
        rows = zip(plan.image.tolist(), plan.top.tolist(), plan.left.tolist(), strict=True)
        for k, (index, top, left) in enumerate(rows):
            out[k] = self._images[index][top : top + side, left : left + side]
        return out


def read_picture(path: Path, target: tuple[int, int] | int | None, side: int) -> NDArray[np.uint8]:
    """The image at `path` at the size that a pixel store would have it at (H, W, 3).

    Raises DataError, one sentence, for a file that is not an image, cannot be decoded, or is smaller than a crop.
    """
    height, width = stored_size(path, target)
    if min(height, width) < side:
        raise DataError(f"{path} is {width}x{height}, smaller than the network's crops of {side}x{side}")
    return stored_pixels(path, height, width, target)


class ImageNames:
    """Names from which random streams derive: an image's path in the data set that was trained on, else its file name.

    `roots` are the folders that the names of the data set are relative to.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = {real_path(root) for root in roots}
        self._under: dict[Path, str | None] = {}  # folder -> its path in the data set, None outside

    def of(self, path: Path) -> str:
        """The name of the image at `path`."""
        path = path.absolute()
        inside = self._inside(path.parent)
        if inside is None and path.is_symlink():  # a folder of links to images of the data set
            real = real_path(path)
            inside = self._inside(real.parent)
            path = path if inside is None else real
        return path.name if inside is None else f"{inside}/{path.name}" if inside else path.name

    def _inside(self, folder: Path) -> str | None:
        if folder not in self._under:
            found = None
            for parent in (
                folder,
                *folder.parents,
            ):  # not resolved, because links inside the data set are names of its images
                if real_path(parent) in self._roots:
                    found = folder.relative_to(parent).as_posix()
                    break
            self._under[folder] = "" if found == "." else found
        return self._under[folder]
