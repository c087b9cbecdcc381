"""The size and the pixels at which a pixel store holds one image."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iqa_train.datasets.images.decode import LARGEST, decode_with_header, read_header
from iqa_train.errors import DataError

Target = tuple[int, int] | int | None
"""(width, height), the length of the shorter side, or None for the image's own size."""


def target_size(resize: str, custom: tuple[int, int] | None) -> Target:
    """The target of the setting `resize`, for a data set whose customary (width, height) is `custom`."""
    if resize == "auto":
        return custom
    if resize == "none":
        return None
    if "x" in resize:
        width, height = resize.split("x")
        return int(width), int(height)
    return int(resize)


def stored_size(path: Path, target: Target) -> tuple[int, int]:
    """(height, width) by the file's header, upright. Raises DataError for a size that is missing or too large."""
    if isinstance(target, tuple):
        return fitted(path, target, target)
    return fitted(path, read_header(path).size, target)


def stored_pixels(path: Path, height: int, width: int, target: Target) -> NDArray[np.uint8]:
    """The image at `path` as it is stored, (height, width, 3), where (height, width) is its `stored_size`.

    Raises DataError if it cannot be decoded, or no longer has that size.
    """
    image, header = decode_with_header(path, (width, height))
    if fitted(path, header.size, target) != (height, width):
        raise DataError(f"{path} was changed while it was read; try again")
    if image.size != (width, height):
        try:
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        except MemoryError:
            raise DataError(f"{path} cannot be resized to {width}x{height}: there is not enough memory") from None
    return np.ascontiguousarray(image)


def fitted(path: Path, size: tuple[int, int], target: Target) -> tuple[int, int]:
    """(height, width) at which an image of `size`, (width, height), is stored. Raises DataError if it is too large."""
    width, height = size
    if target is None:
        return height, width
    if isinstance(target, tuple):
        width, height = target
    else:
        scale = target / min(width, height)
        width, height = max(target, round(width * scale)), max(target, round(height * scale))
    if height * width > LARGEST:
        raise DataError(
            f"{path} would be stored at {width}x{height}, more than {LARGEST / 1e6:.0f} megapixels; "
            "choose a smaller resize"
        )
    return height, width
