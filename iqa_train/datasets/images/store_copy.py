"""Copies a complete pixel store to another cache: from a shared one to a node's own disk, in one sequential pass."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from iqa_train.datasets.images.store_build import PART_FILES, Progress, put_in_place, reserve
from iqa_train.datasets.images.store_manifest import Source, is_current, total_bytes
from iqa_train.errors import DataError
from iqa_train.regular import open_regular

COPY_FILE = "pixels.copy"
_BLOCK = 8 << 20  # bytes


def copy_store(
    origin: Path,
    sources: Sequence[Source],
    folder: Path,
    progress: Progress | None,
    require_lock: Callable[[], None] = lambda: None,
) -> bool:
    """Copy the store of `sources` in `origin` into `folder`, whose lock is held.

    False if it cannot be read or has changed meanwhile. What was written is read again and compared. A copy that was
    killed is started anew. Raises DataError where there is no room or the copy is not what was read.
    """
    copy = folder / COPY_FILE
    copy.unlink(missing_ok=True)
    reserve(copy, total_bytes(sources))
    written = _copied(origin / "pixels.u8", copy, sources, progress)
    if written is None or not is_current(origin, sources):
        copy.unlink()
        return False
    if _checksum(copy) != written:
        copy.unlink()
        raise DataError(
            f"{copy} is not what was read from {origin}: the disk or its server damages files; set cache_dir"
        )
    require_lock()
    put_in_place(copy, sources, folder)
    for leftover in PART_FILES:  # of a build that was begun before the origin was complete
        (folder / leftover).unlink(missing_ok=True)
    return True


def _copied(origin: Path, copy: Path, sources: Sequence[Source], progress: Progress | None) -> int | None:
    """The checksum of what was read; None if it could not be read to its end."""
    ends = np.cumsum([s.height * s.width * 3 for s in sources])
    checksum = done = 0
    with os.fdopen(open_regular(copy, os.O_WRONLY), "wb", buffering=0) as target:
        for block in _blocks(origin):
            if block is None:
                return None
            rest = memoryview(block)
            while rest:
                rest = rest[target.write(rest) :]
            checksum = zlib.crc32(block, checksum)
            done += len(block)
            if progress is not None:
                progress(int(np.searchsorted(ends, done, "right")), len(sources))
        os.fsync(target.fileno())
    return checksum


def _blocks(path: Path) -> Iterator[bytes | None]:
    """The content of a file, in order; None if the rest cannot be read, as on NFS of a file that was replaced."""
    try:
        with os.fdopen(open_regular(path), "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while block := file.read(_BLOCK):
                yield block
    except OSError:
        yield None


def _checksum(path: Path) -> int:
    """Of what the disk has, as far as the system can be made to read it from there."""
    checksum = 0
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
