"""Finds a table's images on disk, under the names that they have there. Each folder is listed once."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from iqa_train.datasets.spelling import folded
from iqa_train.datasets.table import ImageTable
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError, visible

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
"""Suffixes of image files, in lower case, by the decoder's name for the format."""
IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def files_in(folder: Path) -> set[str]:
    """Names of the files in `folder`, links followed; empty if there is no such folder."""
    return _entries(folder, os.DirEntry.is_file)


def folders_in(folder: Path) -> set[str]:
    """Names of the folders in `folder`, as `files_in` for files."""
    return _entries(folder, os.DirEntry.is_dir)


def _entries(folder: Path, wanted: Callable[["os.DirEntry[str]"], bool]) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if wanted(entry)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}; correct its permissions") from None


def image_folders(images: Iterable[str]) -> list[str]:
    """The relative folders of `images`, sorted; "" is the root."""
    return sorted({name.rpartition("/")[0] for name in images})


def missing_images(table: ImageTable) -> list[str]:
    """The table's images that are not on disk, in the table's order."""
    there = {folder: files_in(table.root / folder) for folder in image_folders(table.images)}
    return [name for name in table.images if name.rpartition("/")[2] not in there[name.rpartition("/")[0]]]


def folder_with_most_images(folders: Sequence[Path], images: Iterable[str]) -> Path:
    """The one of `folders` that has most of `images`, whatever the spelling of the names; the first of equals.

    So a partly unpacked archive does not hide a complete one.
    """
    listed = [(name.rpartition("/")[0], folded(name.rpartition("/")[2])) for name in images]
    inside = {folder for folder, _ in listed}

    def there(root: Path) -> int:
        files = {folder: {folded(name) for name in files_in(root / folder)} for folder in inside}
        return sum(name in files[folder] for folder, name in listed)

    return max(folders, key=there)


def unlisted_images(table: ImageTable) -> list[str]:
    """Image files in the folders of the table's images that the table does not list, sorted."""
    listed = set(table.images)
    found = (
        f"{folder}/{file}" if folder else file
        for folder in image_folders(table.images)
        for file in files_in(table.root / folder)
        if Path(file).suffix.lower() in IMAGE_SUFFIXES and not file.startswith(".")
    )
    return sorted(name for name in found if name not in listed)


def require_images(table: ImageTable) -> ImageTable:
    """The table itself. Raises `DataError` with the number and the first names of missing images."""
    missing = missing_images(table)
    if not missing:
        return table
    first = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    listed = f"{len(missing)} of the {len(table)} images listed"
    verb = "is" if len(missing) == 1 else "are"
    raise DataError(
        f"{table.root}: {listed} {verb} missing ({first}); unpack them there, or see `iqa-train data verify` for all"
    )


def subfolders(root: Path) -> tuple[str, ...]:
    """ "" for `root`, then the names of the folders in it, sorted."""
    return ("", *sorted(inside.name for inside in root.iterdir() if inside.is_dir() and inside.name[:1] != "."))


def listed_images(records: Records, column: str, root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images in a table's `column` as they are named on disk below `root`, and notes on names that differ.

    Raises DataError as `Records.names` and `as_on_disk` do.
    """
    names = records.names(column, root)
    images = as_on_disk(root, names)
    pairs = zip(names, images, strict=True)
    other = [f'"{visible(name)}" as "{visible(image)}"' for name, image in pairs if name != image]
    if not other:
        return images, ()
    are = "1 image is" if len(other) == 1 else f"{len(other)} images are"
    says = f"{are} on disk under a name in another case or Unicode form, the first {ascii(other[0])[1:-1]}"
    return images, (says,)


def as_on_disk(root: Path, names: Sequence[str], folders: Sequence[str] = ("",)) -> tuple[str, ...]:
    """Each of the file `names` as a path relative to `root`, in the first of `folders` that has it.

    A file of exactly that name is preferred to one that differs in case, in Unicode form or in invisible characters. A
    name without a file stays as it is, for `require_images` to report. Raises DataError if two files, or two rows,
    cannot be distinguished.
    """
    disk = _Disk(root)
    found = [disk.exact(name, folders) or _one(root, name, disk.alike(name, folders)) for name in names]
    seen: dict[str, str] = {}
    for name, path in zip(names, found, strict=True):
        if path in seen:
            raise DataError(
                f'{root}: the table lists "{seen[path]}" and "{name}", but there is one file for both, {path}; keep one'
            )
        seen[path] = name
    return tuple(found)


class _Disk:
    """The files and folders below a root; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, set[str]] = {}
        self._alike: dict[tuple[str, bool], dict[str, list[str]]] = {}

    def exact(self, name: str, folders: Sequence[str]) -> str | None:
        """The file of exactly that name."""
        for folder in folders:
            path = f"{folder}/{name}" if folder else name
            inside, _, base = path.rpartition("/")
            if inside not in self._files:
                self._files[inside] = files_in(self._root / inside)
            if base in self._files[inside]:
                return path
        return None

    def alike(self, name: str, folders: Sequence[str]) -> list[str]:
        """The files whose names differ only in spelling, in the first of `folders` that has any."""
        *above, base = map(folded, name.split("/"))
        for folder in folders:
            within = [folder]
            for part in above:
                within = [path for parent in within for path in self._children(parent, files=False).get(part, [])]
            files = [path for parent in within for path in self._children(parent, files=True).get(base, [])]
            if files:
                return files
        return []

    def _children(self, folder: str, *, files: bool) -> dict[str, list[str]]:
        if (folder, files) not in self._alike:
            listed = (files_in if files else folders_in)(self._root / folder)
            alike: dict[str, list[str]] = defaultdict(list)
            for name in sorted(listed):
                alike[folded(name)].append(f"{folder}/{name}" if folder else name)
            self._alike[folder, files] = alike
        return self._alike[folder, files]


def _one(root: Path, name: str, paths: list[str]) -> str:
    if len(paths) > 1:
        both = " and ".join(paths[:2])
        form = "only in upper and lower case" if len({path.lower() for path in paths}) == 1 else "only in Unicode form"
        raise DataError(f'{root}: "{name}" may be {both}, which differ {form}; keep one of them')
    return paths[0] if paths else name
