"""Images by the names they have on disk, where a data set's table writes them in other letters or other folders."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from iqa_train.datasets.presence import files_in
from iqa_train.errors import DataError


def subfolders(root: Path) -> tuple[str, ...]:
    """ "" for `root` itself, then the names of the folders in it, sorted."""
    return ("", *sorted(inside.name for inside in root.iterdir() if inside.is_dir() and inside.name[:1] != "."))


def as_on_disk(root: Path, names: Sequence[str], folders: Sequence[str] = ("",)) -> tuple[str, ...]:
    """Each of the file `names` as a path relative to `root`: in the first of `folders` that has it.

    A file of just that name is preferred, then one that differs in upper and lower case. A name that no file has stays
    as it is, for `presence` to name. Raises DataError where two files or two rows cannot be told apart.
    """
    exact: dict[str, str] = {}
    alike: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        folded: dict[str, list[str]] = defaultdict(list)
        for file in sorted(files_in(root / folder)):
            path = f"{folder}/{file}" if folder else file
            exact.setdefault(file, path)
            folded[file.lower()].append(path)
        for key, paths in folded.items():
            alike[key] = alike[key] or paths
    found = [exact.get(name) or _one(root, name, alike.get(name.lower(), [])) for name in names]
    seen: dict[str, str] = {}
    for name, path in zip(names, found, strict=True):
        if path in seen:
            raise DataError(
                f'{root}: the table lists "{seen[path]}" and "{name}", but there is one file for both, {path}; keep one'
            )
        seen[path] = name
    return tuple(found)


def _one(root: Path, name: str, paths: list[str]) -> str:
    if len(paths) > 1:
        both = " and ".join(paths[:2])
        raise DataError(f'{root}: "{name}" may be {both}, which differ in upper and lower case alone; keep one of them')
    return paths[0] if paths else name
