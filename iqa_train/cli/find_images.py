"""Finds the images that a command line names: files, and folders with everything in them."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from iqa_train.datasets.image_files import IMAGE_SUFFIXES
from iqa_train.errors import UsageError


def find_images(words: Sequence[str], complain: Callable[[str], None], note: Callable[[str], None]) -> list[str]:
    """Every file named, and every image in the folders named and in their sub-folders, each once, in order.

    In folders, hidden files and files without an image's extension are skipped; links are followed, but no folder is
    entered twice. `complain` is called for a folder that cannot be listed, `note` for one without images. Raises
    UsageError if there are no images at all.
    """
    found: dict[str, None] = {}
    without: list[str] = []
    for word in words:
        path = Path(word)
        names = list(_in_folder(path, set(), complain)) if path.is_dir() else [word]
        if not names:
            without.append(word)
        found.update(dict.fromkeys(names))
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UsageError(f"no images in {', '.join(words)}; images are recognised by their extensions: {endings}")
    for word in without:
        note(f"no images in {word}")
    return list(found)


def _in_folder(folder: Path, seen: set[tuple[int, int]], complain: Callable[[str], None]) -> Iterator[str]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        complain(f"{folder}: cannot be listed: {error.strerror}")
        return
    inside = []
    for name in names:
        path = folder / name
        if _is_folder(path):
            inside.append(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            yield str(path)
    for path in inside:
        yield from _in_folder(path, seen, complain)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # a broken link: if it has an image's name, it is reported as an unreadable image
        return False
