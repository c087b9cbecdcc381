"""Images by the names they have on disk, where a data set's table writes them in other letters or other folders."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from iqa_train.datasets.image_files import files_in, folders_in
from iqa_train.datasets.spelling import folded
from iqa_train.datasets.tables.records import Records
from iqa_train.errors import DataError, visible


def subfolders(root: Path) -> tuple[str, ...]:
    """ "" for `root` itself, then the names of the folders in it, sorted."""
    return ("", *sorted(inside.name for inside in root.iterdir() if inside.is_dir() and inside.name[:1] != "."))


def listed_images(records: Records, column: str, root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images in a table's `column` as they are on disk below `root`, and notes on names written otherwise.

    Raises DataError as `Records.names` and `as_on_disk` do.
    """
    names = records.names(column, root)
    images = as_on_disk(root, names)
    pairs = zip(names, images, strict=True)
    other = [f'"{visible(name)}" as "{visible(image)}"' for name, image in pairs if name != image]
    if not other:
        return images, ()
    are = "1 image is" if len(other) == 1 else f"{len(other)} images are"
    says = f"{are} on disk under a name in other letters or another Unicode form, {ascii(other[0])[1:-1]} first"
    return images, (says,)


def as_on_disk(root: Path, names: Sequence[str], folders: Sequence[str] = ("",)) -> tuple[str, ...]:
    """Each of the file `names` as a path relative to `root`: in the first of `folders` that has it.

    A file of just that name is preferred, then one that differs in upper and lower case, in its Unicode form, or in
    characters that are invisible. A name that no file has stays as it is, for `presence` to name. Raises DataError
    where two files or two rows cannot be distinguished.
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
    """What is below a folder; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, set[str]] = {}
        self._alike: dict[tuple[str, bool], dict[str, list[str]]] = {}

    def exact(self, name: str, folders: Sequence[str]) -> str | None:
        """The file of just that name."""
        for folder in folders:
            path = f"{folder}/{name}" if folder else name
            inside, _, base = path.rpartition("/")
            if inside not in self._files:
                self._files[inside] = files_in(self._root / inside)
            if base in self._files[inside]:
                return path
        return None

    def alike(self, name: str, folders: Sequence[str]) -> list[str]:
        """The files of such a name in the first of `folders` that has any."""
        *above, base = map(folded, name.split("/"))
        for folder in folders:
            within = [folder]
            for part in above:
                within = [path for one in within for path in self._children(one, files=False).get(part, [])]
            files = [path for one in within for path in self._children(one, files=True).get(base, [])]
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
        form = (
            "in upper and lower case alone" if len({path.lower() for path in paths}) == 1 else "in Unicode form alone"
        )
        raise DataError(f'{root}: "{name}" may be {both}, which differ {form}; keep one of them')
    return paths[0] if paths else name
