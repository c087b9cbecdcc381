"""Builds a pixel store, and continues a build that was killed.

Until it is complete it consists of `pixels.part`, `done.part` with a byte for each image, and `plan.part.json`, the
manifest of the images that are being stored.
"""

import errno
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.store_manifest import (
    FILE_MODE,
    Source,
    read_manifest,
    size_of,
    total_bytes,
    write_manifest,
)
from iqa_train.datasets.images.stored_image import Target, stored_pixels
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.regular import open_regular

Progress = Callable[[int, int], None]
PART_FILES = ("pixels.part", "done.part", "plan.part.json")


def build_store(
    table: ImageTable,
    sources: Sequence[Source],
    target: Target,
    folder: Path,
    workers: int,
    progress: Progress | None,
    require_lock: Callable[[], None] = lambda: None,
) -> None:
    """Decode the images that an interrupted build has not, then put the store in place. Raises DataError.

    `require_lock` raises if another process has taken over the lock meanwhile.
    """
    part, done_path, plan_path = (folder / name for name in PART_FILES)
    done = _begun(sources, part, done_path, plan_path)
    offsets = np.concatenate([[0], np.cumsum([s.height * s.width * 3 for s in sources])])

    def store(index: int) -> None:
        source = sources[index]
        _write_at(file, stored_pixels(table.path(index), source.height, source.width, target), int(offsets[index]))
        done[index] = 1  # after the pixels: a kill between the two decodes this image again

    failures: list[str] = []
    missing = np.flatnonzero(done == 0).tolist()
    pool = ThreadPoolExecutor(workers)
    file = open_regular(part, os.O_WRONLY)  # not mapped: the pages of a mapping count as the process's memory
    try:
        futures = [pool.submit(store, index) for index in missing]
        for count, future in enumerate(as_completed(futures), 1):
            error = future.exception()
            if isinstance(error, DataError):
                failures.append(str(error))
            elif error is not None:
                raise error
            if progress is not None:
                progress(len(sources) - len(missing) + count, len(sources))
    finally:  # a request to stop does not wait for images that have not been started
        pool.shutdown(cancel_futures=True)
        os.fsync(file)
        os.close(file)
    if failures:
        more = f" (and {len(failures) - 1} more: iqa-train data verify lists them)" if len(failures) > 1 else ""
        raise DataError(f"{sorted(failures)[0]}{more}")
    require_lock()
    put_in_place(part, sources, folder)
    for leftover in (done_path, plan_path):
        leftover.unlink(missing_ok=True)


def put_in_place(part: Path, sources: Sequence[Source], folder: Path) -> None:
    """Make `part`, which holds every byte, the store of `sources`."""
    (folder / "manifest.json").unlink(missing_ok=True)  # never a manifest beside bytes that are not its own
    part.replace(folder / "pixels.u8")
    write_manifest(folder / "manifest.json", sources)


def _begun(sources: Sequence[Source], part: Path, done_path: Path, plan_path: Path) -> NDArray[np.uint8]:
    """Which images are stored, as a mapping of `done.part`; a new build unless an interrupted one can be continued."""
    is_whole = size_of(part) == total_bytes(sources) and size_of(done_path) == len(sources)
    kept = _kept(read_manifest(plan_path), sources) if is_whole else None
    if kept is None:
        for leftover in (part, done_path, plan_path):
            leftover.unlink(missing_ok=True)
        reserve(part, total_bytes(sources))
        reserve(done_path, len(sources))
        kept = np.zeros(len(sources), np.bool_)
    done = np.memmap(done_path, np.uint8, "r+", shape=(len(sources),))
    done[~kept] = 0  # before the plan says that these are the present files
    # After a crash of the host, marks may have reached the disk before pixels; so a part counts for one boot only.
    write_manifest(plan_path, sources, boot=_boot())
    return done


def _kept(plan: dict[str, Any], sources: Sequence[Source]) -> NDArray[np.bool_] | None:
    """For which images a part with this plan may hold the bytes (N,); None if they lie at other offsets in it."""
    old, new = plan.get("images", []), [s.row() for s in sources]
    if plan.get("boot") != _boot() or [(r[0], *r[3:]) for r in old] != [(r[0], *r[3:]) for r in new]:
        return None
    return np.array([a == b for a, b in zip(old, new, strict=True)], np.bool_)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # then no part counts
        return f"unknown, process {os.getpid()} at {time.time_ns()}"


def reserve(path: Path, size: int) -> None:
    """Create a file of `size` bytes with its blocks allocated: a full disk is an error now, not a SIGBUS later.

    Raises DataError, and leaves no file, if there is not enough room or the file system cannot hold it.
    """
    with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            path.unlink()
            disk = os.statvfs(path.parent)
            free = disk.f_bavail * disk.f_frsize
            but = f"and {_amount(free)} are free" if error.errno == errno.ENOSPC else f"({error.strerror})"
            raise DataError(
                f"the pixel store needs {_amount(size)} in {path.parent} {but}; "
                "make room, set cache_dir, or store smaller images with resize"
            ) from None


def _amount(size: int) -> str:
    """In GB; in MB below a tenth of one."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def _write_at(file: int, pixels: NDArray[np.uint8], offset: int) -> None:
    rest = memoryview(pixels.reshape(-1).data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
