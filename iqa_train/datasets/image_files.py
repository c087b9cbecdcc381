"""Which of a table's images are really there, by listing each folder once and not by asking for 10,000 files."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from iqa_train.datasets.spelling import folded
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp", ".dib"),
    "DIB": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif", ".avifs"),
    "TGA": (".tga",),
    "QOI": (".qoi",),
    "PSD": (".psd",),
    "PCX": (".pcx",),
    "SGI": (".sgi",),
    "DDS": (".dds",),
    "ICO": (".ico",),
    "ICNS": (".icns",),
}
"""Endings of image files, in lower case, by the decoder's name of their format."""
IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def files_in(folder: Path) -> set[str]:
    """Names of the files in `folder`, links followed; empty when there is no such folder."""
    return _entries(folder, os.DirEntry.is_file)


def folders_in(folder: Path) -> set[str]:
    """Names of the folders in `folder`, as `files_in` has those of files."""
    return _entries(folder, os.DirEntry.is_dir)


def _entries(folder: Path, wanted: Callable[["os.DirEntry[str]"], bool]) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if wanted(entry)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}; mend its permissions") from None


def image_folders(images: Iterable[str]) -> list[str]:
    """The folders, relative and sorted, that hold `images`; "" is the root itself."""
    return sorted({name.rpartition("/")[0] for name in images})


def missing_images(table: ImageTable) -> list[str]:
    """The table's images that are not on disk, in the table's order."""
    there = {folder: files_in(table.root / folder) for folder in image_folders(table.images)}
    return [name for name in table.images if name.rpartition("/")[2] not in there[name.rpartition("/")[0]]]


def folder_with_most_images(folders: Sequence[Path], images: Iterable[str]) -> Path:
    """The one of `folders` that has most of `images`, the first of equals: half an archive hides no whole one.

    However the names are written.
    """
    listed = [(name.rpartition("/")[0], folded(name.rpartition("/")[2])) for name in images]
    inside = {folder for folder, _ in listed}

    def there(root: Path) -> int:
        files = {folder: {folded(name) for name in files_in(root / folder)} for folder in inside}
        return sum(name in files[folder] for folder, name in listed)

    return max(folders, key=there)


def unlisted_images(table: ImageTable) -> list[str]:
    """Image files beside the table's that it does not list, sorted."""
    listed = set(table.images)
    found = (
        f"{folder}/{file}" if folder else file
        for folder in image_folders(table.images)
        for file in files_in(table.root / folder)
        if Path(file).suffix.lower() in IMAGE_SUFFIXES and not file.startswith(".")
    )
    return sorted(name for name in found if name not in listed)


def require_images(table: ImageTable) -> ImageTable:
    """The table itself, or a `DataError` with the number of missing images and the first names."""
    missing = missing_images(table)
    if not missing:
        return table
    first = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    listed = f"{len(missing)} of the {len(table)} images listed"
    verb = "is" if len(missing) == 1 else "are"
    raise DataError(
        f"{table.root}: {listed} {verb} missing ({first}); unpack them there, or see `iqa-train data verify` for all"
    )
