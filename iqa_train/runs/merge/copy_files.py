"""Copies files of another machine's run: whole, durable and compared with the original, or not at all."""

import filecmp
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import sync_folder
from iqa_train.regular import open_regular
from iqa_train.runs.layout import is_attempt, is_outcome
from iqa_train.runs.merge.intact import OWN_TEMPORARY
from iqa_train.runs.merge.side import ASIDE


class ChangedError(RunError):
    """A file changed while it was being copied."""


def copy_tree(source: Path, target: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copy the files in the folder `source` whose names `wanted` accepts, and all in its folders, into `target`.

    Times are kept: states are read from them. Links to files outside `source` are followed, and those to folders where
    one of the program's own is elsewhere, as checkpoints/ may be; else a link stays one. Pipes and devices, and what
    processes leave that were killed, are not copied. Raises ChangedError and OSError.
    """
    copied: list[tuple[Path, os.stat_result, Path]] = []
    _copy_folder(source, source, target, wanted, copied)
    for original, before, copy in copied:
        after = original.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ChangedError(f"{original} changed while it was being copied")
        if not filecmp.cmp(original, copy, shallow=False):
            raise ChangedError(f"{copy} is not what was read from {original}")


def _copy_folder(
    root: Path,
    source: Path,
    target: Path,
    wanted: Callable[[str], bool],
    copied: list[tuple[Path, os.stat_result, Path]],
) -> None:
    target.mkdir(exist_ok=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        original, copy = Path(entry.path), target / entry.name
        if _is_of_processes(original, root) or (source == root and not wanted(entry.name)):
            continue
        if entry.is_symlink() and _stays_inside(original, root):
            copy.symlink_to(original.readlink())
        elif entry.is_symlink() and entry.is_dir() and not _is_followed(original, root):
            copy.symlink_to(os.path.realpath(original))
        elif entry.is_dir():
            _copy_folder(root, original, copy, lambda _: True, copied)
        elif entry.is_file():
            copied.append((original, _copy_file(original, copy), copy))
    sync_folder(target)


def _is_of_processes(path: Path, root: Path) -> bool:
    """Whether living processes alone need it: the lock of a run, the reserve of an attempt, temporary files."""
    folder = path.parent
    is_run = folder == root or folder.name.startswith(ASIDE)
    own = (path.name == "lock" and is_run) or (path.name == "reserve" and is_attempt(folder.name))
    return own or OWN_TEMPORARY.fullmatch(path.name) is not None


def _stays_inside(link: Path, root: Path) -> bool:
    """Whether a link can be copied as it is: it leads to a place in the same run, or nowhere."""
    if not link.exists():
        return True
    leads = Path(os.path.realpath(link))
    return not link.readlink().is_absolute() and leads.is_relative_to(os.path.realpath(root))


def _is_followed(link: Path, root: Path) -> bool:
    """Whether the folder that a link leads to belongs to the run: it has such a name, and does not hold the run."""
    own = link.parent == root and is_outcome(link.name)
    return own and not Path(os.path.realpath(root)).is_relative_to(os.path.realpath(link))


def _copy_file(original: Path, copy: Path) -> os.stat_result:
    """Copy content, times and whether it can be executed; returns what it was when it was opened."""
    with os.fdopen(open_regular(original, follow=True), "rb") as source:
        before = os.fstat(source.fileno())
        mode = 0o777 if before.st_mode & stat.S_IXUSR else 0o666
        with os.fdopen(open_regular(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
            os.fsync(file.fileno())
    return before


def link_tree(source: Path, target: Path) -> None:
    """`target` becomes another name of the file or folder `source` of this runs folder: links, else copies."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        for entry in sorted(os.listdir(source)):  # noqa: PTH208
            link_tree(source / entry, target / entry)
    elif source.is_file():
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            _copy_file(source, target)


def same_files(one: Path, other: Path) -> bool:
    """Whether every file in the folder `one` is in `other`, too, whatever it holds there."""
    return all(os.path.lexists(other / path.relative_to(one)) or _is_of_processes(path, one) for path in one.rglob("*"))
