"""Room on a disk, taken before it is needed, and filled piece by piece."""

import errno
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import DataError
from iqa_train.regular import open_regular


def reserve(path: Path, size: int) -> None:
    """Make a file of `size` bytes with its blocks: a full disk is an error now, not a SIGBUS in the middle.

    Raises DataError, and leaves no file, where there is no room or the file system will not hold it.
    """
    with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o664), "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            path.unlink()
            disk = os.statvfs(path.parent)
            free = disk.f_bavail * disk.f_frsize
            full = error.errno == errno.ENOSPC
            but = f"and {_amount(free)} are free" if full else f"but cannot have it ({error.strerror})"
            raise DataError(
                f"the pixel store needs {_amount(size)} in {path.parent} {but}; "
                "make room, set cache_dir, or store smaller images with resize"
            ) from None


def _amount(size: int) -> str:
    """In GB, below a tenth of one in MB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def write_at(file: int, pixels: NDArray[np.uint8], offset: int) -> None:
    """Write all of `pixels` at `offset` bytes into the open `file`."""
    rest = memoryview(pixels.reshape(-1).data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
