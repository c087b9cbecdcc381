"""Resamples of a test set: how often each resample contains each unit, in blocks that fit in memory.

A unit is an image, or all images of one reference image. The same key gives the same resamples on every machine. Each
block has its own random stream, determined by the key and the block's number.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELLS = 1 << 22  # counts in a block: 16 MiB
_PART = 64  # resamples counted before they are transposed, which is fast only inside the caches
_WIDEST = 2048  # resamples in a block; more do not fit into the processor's caches


@dataclass(frozen=True)
class Resamples:
    """`count` resamples of `units` units, drawn with replacement."""

    units: int
    count: int
    key: str

    @property
    def blocks(self) -> list[slice]:
        """The range of resamples in each block."""
        width = max(1, min(_WIDEST, _CELLS // max(1, self.units)))
        return [slice(at, min(at + width, self.count)) for at in range(0, self.count, width)]

    def counts(self, number: int) -> NDArray[np.int32]:
        """(units, width of block `number`): how often each resample contains each unit."""
        block = self.blocks[number]
        width = block.stop - block.start
        drawn = generator(self.key, number).integers(0, self.units, size=(width, self.units))
        counts = np.empty((self.units, width), dtype=np.int32)
        part = np.empty((min(width, _PART), self.units), dtype=np.int32)
        for at in range(0, width, _PART):
            rows = drawn[at : at + _PART]
            for k, row in enumerate(rows):
                part[k] = np.bincount(row, minlength=self.units)
            counts[:, at : at + _PART] = part[: len(rows)].T
        return counts

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        """The counts of every block."""
        return (self.counts(number) for number in range(len(self.blocks)))


def generator(key: str, number: int = 0) -> np.random.Generator:
    """The random stream of `key` and `number`."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(digest, spawn_key=(number,))))
