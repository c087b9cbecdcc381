"""Dead-leaves images: opaque shapes with sizes from a power law that occlude one another, as objects in photographs do.

Source: Lee, Mumford & Huang, "Occlusion models for natural images", IJCV 41 (2001): radii with density r^-3 give the
scale invariance of photographs, occlusion gives their edges.
"""

import numpy as np
from PIL import Image, ImageDraw

_OVERSAMPLE = 2  # drawn twice as large and averaged down, so that edges are smooth
_SMALLEST, _LARGEST = 1.6, 34.0  # radii, pixels of the finished image
_LEAVES = 420
_BACKDROP = 14  # large leaves drawn first, so that hardly any background shows


def dead_leaves(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """An RGB image of `width` x `height` pixels, which depends only on the state of `rng`."""
    w, h = width * _OVERSAMPLE, height * _OVERSAMPLE
    low, high = _SMALLEST * _OVERSAMPLE, _LARGEST * _OVERSAMPLE
    u = rng.random(_LEAVES)
    radii = (low**-2 - u * (low**-2 - high**-2)) ** -0.5  # inverse of the distribution function of density r^-3
    radii[:_BACKDROP] = rng.uniform(0.5, 1.0, _BACKDROP) * high
    centres = rng.random((_LEAVES, 2)) * (w, h)
    image = Image.new("RGB", (w, h), (110, 110, 110))
    draw = ImageDraw.Draw(image)
    colours = _colours(rng, _LEAVES)
    corners = rng.integers(0, 6, _LEAVES)  # 0 to 2: a disc; more: a polygon of that many corners
    boxes = np.concatenate((centres - radii[:, None], centres + radii[:, None]), axis=1).tolist()
    turns = rng.random((_LEAVES, 1)) * 2 * np.pi + np.arange(5) * (2 * np.pi / np.maximum(corners, 3))[:, None]
    spikes = np.stack((np.cos(turns), np.sin(turns)), axis=2) * (1.2 * radii)[:, None, None] + centres[:, None, :]
    outlines = spikes.reshape(_LEAVES, -1).tolist()
    for box, outline, colour, n in zip(boxes, outlines, colours, corners.tolist(), strict=True):
        if n < 3:
            draw.ellipse(box, fill=colour)
        else:
            draw.polygon(outline[: 2 * n], fill=colour)
    return _textured(rng, image.reduce(_OVERSAMPLE))


def _colours(rng: np.random.Generator, count: int) -> list[tuple[int, int, int]]:
    """Grey values over nearly the whole range, with the image's own tint, moderately saturated."""
    tint = rng.normal(0, 18, 3)
    grey = rng.uniform(20, 235, (count, 1))
    colours = np.clip(grey + tint + rng.normal(0, 26, (count, 3)), 0, 255).astype(np.uint8)
    return [(int(r), int(g), int(b)) for r, g, b in colours.tolist()]


def _textured(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Add soft grain of two scales everywhere, so that fine detail alone does not indicate noise."""
    w, h = image.size
    strength = rng.uniform(1.0, 5.0)
    coarse = rng.normal(0, 1, (h // 2, w // 2)).astype(np.float32)
    grain = np.asarray(Image.fromarray(coarse).resize((w, h), Image.Resampling.BICUBIC))
    pixels = np.asarray(image, dtype=np.float32) + (strength * grain)[..., None]
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
