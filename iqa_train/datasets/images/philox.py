"""A counter-based random number generator (Philox 4x32-10), vectorised.

A number depends only on (seed, purpose, epoch, image, crop), not on what was drawn before. So two experiments with one
seed see the same crops in the same order whatever else differs, and an interrupted run continues without replay.
Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iqa_train.escape import name_bytes

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: NDArray[np.uint64], key: tuple[int, int]) -> NDArray[np.uint64]:
    """Ten rounds over counters (..., 4) of 32-bit words held in uint64; returns words of the same shape."""
    c0, c1, c2, c3 = (counter[..., k] & _LOW for k in range(4))
    k0, k1 = np.uint64(key[0] & 0xFFFFFFFF), np.uint64(key[1] & 0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack([c0, c1, c2, c3], axis=-1)


def uniforms(seed: int, purpose: int, epoch: int, image: ArrayLike, crop: ArrayLike) -> NDArray[np.float64]:
    """Four numbers in [0, 1) for each pair of image key and crop number, shape (..., 4); the arguments broadcast."""
    images, crops = np.broadcast_arrays(np.asarray(image, np.uint64), np.asarray(crop, np.uint64))
    counter = np.empty((*images.shape, 4), np.uint64)
    counter[..., 0], counter[..., 1], counter[..., 2], counter[..., 3] = purpose, epoch, images, crops
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).astype(np.float64) * 2.0**-32


def image_keys(names: tuple[str, ...]) -> NDArray[np.uint64]:
    """32-bit keys (N,) from image names, so that an image keeps its stream when others are added or removed."""
    digests = (hashlib.blake2b(name_bytes(name), digest_size=4).digest() for name in names)
    return np.array([int.from_bytes(d, "big") for d in digests], np.uint64)
