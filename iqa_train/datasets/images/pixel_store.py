"""The pixel store: every image of a data set decoded and resized once, then read as crops by every run on the host.

A folder under the cache holds `pixels.u8`, all images row by row as RGB bytes one after another, and `manifest.json`,
which says of each image where its bytes lie, how large it is, and which file it came from. Runs share the bytes through
the page cache. Building is done once under a lock, in place of nothing: it is renamed into being when complete, and a
build that was killed goes on where it stopped.
"""

import errno
import hashlib
import json
import mmap
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iqa_train.datasets.images.crops import CropPlan, ImageSizes
from iqa_train.datasets.images.decode import LARGEST, decode_with_header, read_header
from iqa_train.datasets.images.philox import image_keys
from iqa_train.datasets.images.reserve import reserve, write_at
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.files import DamagedFileError, cache_root, write_json
from iqa_train.locks import locked
from iqa_train.regular import NotRegularError, open_regular, real_path, require_regular
from iqa_train.schema import Span, read_document
from iqa_train.trust import distrust, make_folder

VERSION = 2  # of the bytes: decoding, resizing, layout
Progress = Callable[[int, int], None]
_Side = Annotated[int, Span(1, 1 << 20)]
_RESIDENT_LIMIT = 256 << 20  # bytes; pages of larger stores are let go after use, and stay in the page cache
_UNWRITABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP,
}  # fmt: skip
_FILES = ("lock", "manifest.json", "pixels.u8", "pixels.part", "done.part", "plan.part.json")
_FILE_MODE = 0o664  # never writable by all users: what they can write to is not trusted


@dataclass(frozen=True)
class _Source:
    """An image file as it was when it was stored, and the size it is stored at."""

    name: str
    size: int
    mtime_ns: int
    height: int
    width: int

    def row(self) -> list[Any]:
        return [self.name, self.size, self.mtime_ns, self.height, self.width]


class PixelStore:
    """Read access to a finished store. Index k is the table's image k."""

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
        """What crop plans need to know of the images `index`."""
        return ImageSizes(index, self._keys[index], self.height[index], self.width[index])

    def image(self, index: int) -> NDArray[np.uint8]:
        """Image `index` whole, (H, W, 3), a view."""
        h, w, start = int(self.height[index]), int(self.width[index]), int(self._offset[index])
        return self._bytes[start : start + h * w * 3].reshape(h, w, 3)

    def gather(self, plan: CropPlan, side: int) -> NDArray[np.uint8]:
        """The plan's crops, (M, side, side, 3) uint8, not yet mirrored. Safe to call from several threads."""
        out = np.empty((len(plan), side, side, 3), np.uint8)
        rows = zip(plan.image.tolist(), plan.top.tolist(), plan.left.tolist(), strict=True)
        for k, (index, top, left) in enumerate(rows):
            out[k] = self.image(index)[top : top + side, left : left + side]
        if len(self._map) > _RESIDENT_LIMIT:
            # The kernel maps up to 2 MB round a page that is touched, so what was gathered says little of what is
            # resident; letting go each time costs next to nothing, since a large store's crops seldom meet again.
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
    """The store of `table` at `resize` (settings.resize), built first if it is missing or its sources have changed.

    So it is where its bytes are no longer all there.

    While another process has it in hand this waits, after a call of `waiting`. Raises DataError naming unreadable
    images or saying that the disk is full.
    """
    target = target_size(resize, table.resize)
    root = cache_root(cache_dir)
    folder = _store_folder(table, target, root)
    try:
        _require_trusted(root, folder)
        finished = _finished(table, target, folder, workers)
        if finished is not None:
            return finished
        make_folder(folder)
        with locked(folder / "lock", waiting, patient=True, make_folder=False):
            sources = _plan(table, target, folder, workers)
            if not _is_current(folder, sources):
                _build(table, sources, target, folder, max(1, workers), progress)
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


def _finished(table: ImageTable, target: tuple[int, int] | int | None, folder: Path, workers: int) -> PixelStore | None:
    """The store as it is, if it is complete: nothing is written or locked then, so that it may be read-only."""
    if not _manifest(folder / "manifest.json"):
        return None
    sources = _plan(table, target, folder, workers)
    if not _is_current(folder, sources):
        return None
    store = _opened(table, sources, folder)
    return store if _is_current(folder, sources) else None  # else another has begun to build in between


def _opened(table: ImageTable, sources: list[_Source], folder: Path) -> PixelStore:
    height = np.array([s.height for s in sources], np.int64)
    width = np.array([s.width for s in sources], np.int64)
    return PixelStore(folder, table.images, height, width)


def target_size(resize: str, custom: tuple[int, int] | None) -> tuple[int, int] | int | None:
    """What the setting `resize` means for a set of that custom: (width, height), the shorter side, or as it is."""
    if resize == "auto":
        return custom
    if resize == "none":
        return None
    if "x" in resize:
        width, height = resize.split("x")
        return int(width), int(height)
    return int(resize)


def _store_folder(table: ImageTable, target: tuple[int, int] | int | None, root: Path) -> Path:
    what = json.dumps([VERSION, str(real_path(table.root)), target, table.images])
    return root / "pixels" / f"{table.name}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def _plan(table: ImageTable, target: tuple[int, int] | int | None, folder: Path, workers: int) -> list[_Source]:
    """The store's images in table order. Sizes come from the old manifest where the file is unchanged."""
    known = {row[0]: row for row in _manifest(folder / "manifest.json").get("images", [])}

    def look(index: int) -> _Source:
        name, path = table.images[index], table.path(index)
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from None
        row = known.get(name)
        # Earlier versions took the size of a TIFF that is stored on its side for that of the upright picture.
        is_tiff = path.suffix.lower() in {".tif", ".tiff"}
        if row is not None and row[1:3] == [stat.st_size, stat.st_mtime_ns] and not is_tiff:
            return _Source(*row)
        try:
            height, width = stored_size(path, target)
        except DataError:  # it is named, with all others like it, when their pixels are asked for
            height, width = 1, 1
        return _Source(name, stat.st_size, stat.st_mtime_ns, height, width)

    with ThreadPoolExecutor(max(1, workers)) as pool:
        return list(pool.map(look, range(len(table))))


def stored_size(path: Path, target: tuple[int, int] | int | None) -> tuple[int, int]:
    """(height, width) from the file's header, upright. Raises DataError for a file without, or too large a size."""
    if isinstance(target, tuple):
        return fitted(path, target, target)
    return fitted(path, read_header(path).size, target)


def stored_pixels(path: Path, height: int, width: int, target: tuple[int, int] | int | None) -> NDArray[np.uint8]:
    """The picture at `path` as it is stored, (height, width, 3), which is its `stored_size` for `target`.

    Raises DataError for one that cannot be decoded, or is of another size than was read from its header.
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


def fitted(path: Path, size: tuple[int, int], target: tuple[int, int] | int | None) -> tuple[int, int]:
    """(height, width) at which a picture of `size`, (width, height), is stored."""
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


def _build(
    table: ImageTable,
    sources: list[_Source],
    target: tuple[int, int] | int | None,
    folder: Path,
    workers: int,
    progress: Progress | None,
) -> None:
    """Decode what a killed build has not, then put the store in place."""
    part, done_path, plan_path = folder / "pixels.part", folder / "done.part", folder / "plan.part.json"
    total = _total(sources)
    whole = _size(part) == total and _size(done_path) == len(sources)
    kept = _kept(_manifest(plan_path), sources) if whole else None
    if kept is None:
        for leftover in (part, done_path, plan_path):
            leftover.unlink(missing_ok=True)
        reserve(part, total)
        reserve(done_path, len(sources))
        kept = np.zeros(len(sources), np.bool_)
    done = np.memmap(done_path, np.uint8, "r+", shape=(len(sources),))
    done[~kept] = 0  # before the plan says that these are of the files of now
    write_json(plan_path, _part_contents(sources), _FILE_MODE)
    offsets = np.concatenate([[0], np.cumsum([s.height * s.width * 3 for s in sources])])

    def store(index: int) -> None:
        source = sources[index]
        write_at(file, stored_pixels(table.path(index), source.height, source.width, target), int(offsets[index]))
        done[index] = 1  # after the pixels: a kill between the two decodes this image again

    failures: list[str] = []
    missing = np.flatnonzero(done == 0).tolist()
    pool = ThreadPoolExecutor(workers)
    file = open_regular(
        part, os.O_WRONLY
    )  # written, not mapped: pages of a mapping would count as the process's memory
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
    finally:  # a stop in the middle does not wait for what has not begun
        pool.shutdown(cancel_futures=True)
        os.fsync(file)
        os.close(file)
    if failures:
        more = f" (and {len(failures) - 1} more: iqa-train data verify lists them)" if len(failures) > 1 else ""
        raise DataError(f"{sorted(failures)[0]}{more}")
    (folder / "manifest.json").unlink(missing_ok=True)  # never a manifest beside other bytes than its own
    part.replace(folder / "pixels.u8")
    write_json(folder / "manifest.json", _contents(sources), _FILE_MODE)
    for leftover in (done_path, plan_path):
        leftover.unlink(missing_ok=True)


def _kept(plan: dict[str, Any], sources: list[_Source]) -> NDArray[np.bool_] | None:
    """Of which images a part with this plan may hold the bytes (N,); None where they lie at other places in it."""
    old, new = plan.get("images", []), [s.row() for s in sources]
    if plan.get("boot") != _boot() or [(r[0], *r[3:]) for r in old] != [(r[0], *r[3:]) for r in new]:
        return None
    return np.array([a == b for a, b in zip(old, new, strict=True)], np.bool_)


def _is_current(folder: Path, sources: list[_Source]) -> bool:
    """Whether the store in `folder` is of these files, and every byte of it there.

    To read past the end of a file that is mapped would kill the process.
    """
    whole = _size(folder / "pixels.u8") == _total(sources)
    return whole and _manifest(folder / "manifest.json") == _contents(sources)


def _size(path: Path) -> int | None:
    """Bytes of a file, None where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _total(sources: list[_Source]) -> int:
    return sum(s.height * s.width * 3 for s in sources)


def _contents(sources: list[_Source]) -> dict[str, Any]:
    return {"schema_version": VERSION, "images": [s.row() for s in sources]}


def _part_contents(sources: list[_Source]) -> dict[str, Any]:
    # After a crash of the host, marks may have reached the disk before pixels; so a part counts for one boot only.
    return _contents(sources) | {"boot": _boot()}


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # then no part counts
        return f"unknown, process {os.getpid()} at {time.time_ns()}"


class _Manifest(TypedDict, total=False):
    """Rows as `_Source.row` makes them."""

    images: list[tuple[str, Annotated[int, Span(0, 2**63)], Annotated[int, Span(-(2**63), 2**63)], _Side, _Side]]
    boot: str
    schema_version: int


def _manifest(path: Path) -> dict[str, Any]:
    """Nothing for one that is damaged: the store is made again."""
    try:
        return dict(read_document(path, _Manifest) or {})
    except (DamagedFileError, NotADirectoryError):
        return {}


def require_room(table: ImageTable, store: PixelStore, side: int) -> None:
    """Raise DataError if any image of the store is smaller than a crop of `side` pixels."""
    smallest = min(range(len(store)), key=lambda k: min(store.height[k], store.width[k]))
    height, width = int(store.height[smallest]), int(store.width[smallest])
    if min(height, width) < side:
        raise DataError(
            f"{table.path(smallest)} is {width}x{height}, smaller than patch_size {side}; "
            f"lower patch_size or set resize to a larger size"
        )
