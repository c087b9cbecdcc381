"""The distortions of the demo set, seven kinds at five levels, and the quality that each leaves.

`latent_quality` is the ground truth of the demo set: the quality, 0 to 100, that its simulated raters perceive with
bias and noise. An undistorted image has 96; a distorted one 96 - depth x (level / 5)^0.9, with a depth for each kind.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

LEVELS = 5
PRISTINE = 96.0

Distortion = Callable[[np.random.Generator, Image.Image, int], Image.Image]


def blur(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """Gaussian blur of 0.6 to 3.6 pixels."""
    del rng
    return image.filter(ImageFilter.GaussianBlur((0.6, 1.0, 1.6, 2.4, 3.6)[level - 1]))


def noise(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """White Gaussian noise, independent for each channel, standard deviation 6 to 58 grey levels."""
    sigma = (6, 12, 21, 35, 58)[level - 1]
    pixels = np.asarray(image, dtype=np.float32)
    return _image(pixels + sigma * rng.standard_normal(pixels.shape, dtype=np.float32))


def motion(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """Motion blur: the mean over a straight path of 3 to 15 pixels in a random direction."""
    length = (3, 5, 7, 10, 15)[level - 1]
    angle = rng.random() * np.pi
    steps = np.arange(length) - (length - 1) / 2
    dx, dy = np.rint(steps * np.cos(angle)).astype(int), np.rint(steps * np.sin(angle)).astype(int)
    margin = length
    padded = np.pad(np.asarray(image, dtype=np.float32), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    h, w = image.height, image.width
    total = np.zeros((h, w, 3), dtype=np.float32)
    for x, y in zip(dx.tolist(), dy.tolist(), strict=True):
        total += padded[margin + y : margin + y + h, margin + x : margin + x + w]
    return _image(total / length)


def contrast(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """Contrast around the mean grey reduced to between 70 and 12 %, as in haze."""
    del rng
    keep = (0.70, 0.48, 0.33, 0.21, 0.12)[level - 1]
    pixels = np.asarray(image, dtype=np.float32)
    return _image(pixels.mean() + keep * (pixels - pixels.mean()))


def pixelate(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """Reduced by a factor of 1.5 to 7 by averaging, and enlarged again without interpolation."""
    del rng
    factor = (1.5, 2, 3, 4.5, 7)[level - 1]
    small = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)


def banding(rng: np.random.Generator, image: Image.Image, level: int) -> Image.Image:
    """Each channel rounded to between 8 and 2 evenly spaced values."""
    del rng
    step = np.float32(255 / ((8, 6, 4, 3, 2)[level - 1] - 1))
    pixels: NDArray[np.float32] = np.asarray(image, dtype=np.float32)
    return _image(np.rint(pixels / step) * step)


def jpeg_bytes(image: Image.Image, level: int) -> bytes:
    """The JPEG file at quality 50 to 4 (4:2:0, the encoder's standard tables)."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=(50, 28, 16, 9, 4)[level - 1], subsampling=2)
    return buffer.getvalue()


KINDS: dict[str, Distortion] = {
    "blur": blur,
    "noise": noise,
    "motion": motion,
    "contrast": contrast,
    "pixelate": pixelate,
    "banding": banding,
}
JPEG = "jpeg"
DEPTHS = {"blur": 86, "noise": 84, JPEG: 88, "motion": 82, "contrast": 70, "pixelate": 90, "banding": 76}


def latent_quality(kind: str, level: int) -> float:
    """Quality from 0 to 100 of an image distorted by `kind` at `level` (1 to 5; 0 is undistorted for any kind)."""
    return PRISTINE - DEPTHS[kind] * (level / LEVELS) ** 0.9 if level else PRISTINE


def _image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
