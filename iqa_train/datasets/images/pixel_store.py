"""The pixel store: every image of a data set decoded and resized once, then read as crops by every run on the host.

A folder in the cache holds `pixels.u8`, the RGB bytes of all images row by row, one image after another, and
`manifest.json`, which gives each image's offset, size and source file. Runs share the bytes through the page cache.
`store_build` builds a store, under a lock.
"""

import errno
import hashlib
import json
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.images.crops import CropPlan, ImageSizes
from iqa_train.datasets.images.philox import image_keys
from iqa_train.datasets.images.store_build import PART_FILES, Progress, build_store
from iqa_train.datasets.images.store_copy import COPY_FILE, copy_store
from iqa_train.datasets.images.store_manifest import VERSION, Source, is_current, read_manifest, sources_of
from iqa_train.datasets.images.stored_image import Target, target_size
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.files import cache_root, shared_cache_root
from iqa_train.locks import locked
from iqa_train.regular import NotRegularError, open_regular, real_path, require_regular
from iqa_train.trust import distrust, make_folder

_RESIDENT_LIMIT = 256 << 20  # bytes; pages of larger stores are let go after use, and stay in the page cache
_UNWRITABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP,
}  # fmt: skip
_FILES = ("lock", "manifest.json", "pixels.u8", *PART_FILES, COPY_FILE)


class PixelStore:
    """Read access to a complete store. Index k is the table's image k."""

    def __init__(
        self, folder: Path, names: tuple[str, ...], height: NDArray[np.int64], width: NDArray[np.int64]
    ) -> None:
        self.folder = folder
        self.height = height
        self.width = width
        self._keys = image_keys(names)
        ends = np.cumsum(height * width * 3)
        self._offset = np.concatenate([[0], ends[:-1]])
        with os.fdopen(open_regular(folder / "pixels.u8"), "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._bytes = np.frombuffer(self._map, np.uint8)

    def __len__(self) -> int:
        return len(self.height)

    def pictures(self, index: NDArray[np.int64]) -> ImageSizes:
        """What crop plans need to know about the images `index`."""
        return ImageSizes(index, self._keys[index], self.height[index], self.width[index])

    def image(self, index: int) -> NDArray[np.uint8]:
        """The whole image `index`, (H, W, 3), a view."""
        h, w, start = int(self.height[index]), int(self.width[index]), int(self._offset[index])
        return self._bytes[start : start + h * w * 3].reshape(h, w, 3)

    def gather(self, plan: CropPlan, side: int) -> NDArray[np.uint8]:
        """The plan's crops, (M, side, side, 3) uint8, not yet mirrored. Safe to call from several threads."""
        out = np.empty((len(plan), side, side, 3), np.uint8)
        rows = zip(plan.image.tolist(), plan.top.tolist(), plan.left.tolist(), strict=True)
        for k, (index, top, left) in enumerate(rows):
            out[k] = self.image(index)[top : top + side, left : left + side]
        if len(self._map) > _RESIDENT_LIMIT:
            # The kernel maps up to 2 MB around a page that is touched, so more is resident than was gathered. Letting
            # go each time costs next to nothing, since crops of a large store seldom share pages.
            self._map.madvise(mmap.MADV_DONTNEED)
        return out


def open_store(
    table: ImageTable,
    *,
    resize: str = "auto",
    cache_dir: str = "",
    workers: int = 2,
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> PixelStore:
    """The store of `table` at `resize` (settings.resize).

    It is built first if it is missing or incomplete, or if an image file has changed; with a `cache_dir`, it is copied
    from the cache of those who set none, if that has it. While another process does so, this calls `waiting` again and
    again. Raises DataError for unreadable images, for a full disk, and for a cache that another user could have put
    there; UsageError for a variable in `cache_dir` that is not set.
    """
    target = target_size(resize, table.resize)
    root = cache_root(cache_dir)
    folder = _store_folder(table, target, root)
    try:
        _require_trusted(root, folder)
        complete = _complete_store(table, target, folder, workers)
        if complete is not None:
            return complete
        make_folder(folder)
        with locked(folder / "lock", waiting, patient=True, make_folder=False) as lock:
            has_manifest = bool(read_manifest(folder / "manifest.json"))
            origin = None if has_manifest else _origin(table, target, root)
            sources = sources_of(table, target, origin or folder, workers)  # from a manifest, no image is opened
            if not is_current(folder, sources) and not (
                origin is not None
                and is_current(origin, sources)
                and copy_store(origin, sources, folder, progress, lock.require)
            ):
                build_store(table, sources, target, folder, max(1, workers), progress, lock.require)
            return _opened(table, sources, folder)
    except NotRegularError as error:
        raise DataError(f"{error.filename} cannot be part of a pixel store: {error.strerror}") from None
    except OSError as error:
        if error.errno in _UNWRITABLE:
            raise DataError(
                f"the pixel store cannot be written to {folder} ({error.strerror}); make room or set cache_dir"
            ) from error
        raise


def _require_trusted(root: Path, folder: Path) -> None:
    """Raise DataError if another user could have put anything into the store, NotRegularError for what is no file."""
    for path in (folder, *(folder / name for name in _FILES)):
        if path != folder:
            require_regular(path)
        complaint = distrust(root, path)
        if complaint is not None:
            raise DataError(f"{complaint}, or set cache_dir to a folder of your own")


def _origin(table: ImageTable, target: Target, root: Path) -> Path | None:
    """The folder of the store in the cache of those who set no cache_dir, if it may be copied to the cache `root`."""
    shared = shared_cache_root()
    if shared is None or real_path(shared) == real_path(root):
        return None
    folder = _store_folder(table, target, shared)
    try:
        _require_trusted(shared, folder)
    except (DataError, OSError):
        return None
    return folder if read_manifest(folder / "manifest.json") else None


def _complete_store(table: ImageTable, target: Target, folder: Path, workers: int) -> PixelStore | None:
    """The store, if it is complete. Nothing is written or locked, so that it may be read-only."""
    if not read_manifest(folder / "manifest.json"):
        return None
    sources = sources_of(table, target, folder, workers)
    if not is_current(folder, sources):
        return None
    store = _opened(table, sources, folder)
    return store if is_current(folder, sources) else None  # else another process has begun to build in between


def _opened(table: ImageTable, sources: Sequence[Source], folder: Path) -> PixelStore:
    height = np.array([s.height for s in sources], np.int64)
    width = np.array([s.width for s in sources], np.int64)
    return PixelStore(folder, table.images, height, width)


def _store_folder(table: ImageTable, target: Target, root: Path) -> Path:
    what = json.dumps([VERSION, str(real_path(table.root)), target, table.images])
    return root / "pixels" / f"{table.name}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def require_room(table: ImageTable, store: PixelStore, side: int) -> None:
    """Raise DataError if any image of the store is smaller than a crop of `side` pixels."""
    smallest = min(range(len(store)), key=lambda k: min(store.height[k], store.width[k]))
    height, width = int(store.height[smallest]), int(store.width[smallest])
    if min(height, width) < side:
        raise DataError(
            f"{table.path(smallest)} is {width}x{height}, smaller than patch_size {side}; "
            "lower patch_size or set resize to a larger size"
        )
