"""Decides whether another user of this host could have planted or changed the files below a folder.

Not trusted is what any user can write to, and what another user put into a folder where any user can (`/tmp`, say).
Trusted are files of this user and of root, folders that their owner shares with a group of this user (group-writable),
and another user's folder in a place that is not open to all (`/home/NAME`): naming its path means to trust that user.
"""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from iqa_train.lockholder import user_name

_MOST_LINKS = 40  # on one path, as in the kernel
_FOLDER_MODE = 0o775


class _Step(NamedTuple):
    """A folder or file on the way to another. `is_closed`: users other than its owner and group cannot enter it."""

    path: Path
    about: os.stat_result
    is_closed: bool

    @property
    def is_open_to_all(self) -> bool:
        return bool(self.about.st_mode & stat.S_IWOTH) and not self.is_closed


def distrust(root: Path, path: Path) -> str | None:
    """Why `path`, which is the folder `root` or in it, is not trusted, and what to do; None if it is trusted.

    If it does not exist, the part of the path that exists decides. Raises OSError if the path cannot be followed.
    """
    inside = path.relative_to(root).parts
    try:
        complaints = (_distrust(root.joinpath(*inside[:count])) for count in range(len(inside) + 1))
        return next((complaint for complaint in complaints if complaint is not None), None)
    except FileNotFoundError:
        return None


def make_folder(path: Path) -> None:
    """Make a folder and its parents, not writable by all users, whatever the umask."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(_FOLDER_MODE, exist_ok=True)


class _PlantedError(Exception):
    """Another user's entry in a folder where any user can make entries."""


def _distrust(path: Path) -> str | None:
    try:
        step = _follow(path)
    except _PlantedError as error:
        return str(error)
    is_sticky_folder = stat.S_ISDIR(step.about.st_mode) and step.about.st_mode & stat.S_ISVTX
    if not step.is_open_to_all or is_sticky_folder:
        return None
    owner = step.about.st_uid
    who = "" if owner == os.geteuid() else f"have {user_name(owner)} "
    return f"any user may write to {path}, so it is not trusted; {who}run chmod -R o-w on it"


def _follow(path: Path) -> _Step:
    """Where `path` leads, each step checked. Raises _PlantedError, and OSError as `os.stat` does."""
    steps = [_Step(Path("/"), os.lstat("/"), is_closed=False)]
    names, links = [*reversed(path.absolute().parts[1:])], 0
    while names:
        name = names.pop()
        if name == "..":
            steps = steps[:-1] or steps
            continue
        entry = steps[-1].path / name
        about = entry.lstat()
        _require_placed(steps[-1], entry, about)
        if stat.S_ISLNK(about.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = Path(os.readlink(entry))  # noqa: PTH115 (readlink of pathlib is the same)
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            steps = steps[:1] if target.is_absolute() else steps
            continue
        is_shut = stat.S_ISDIR(about.st_mode) and not about.st_mode & stat.S_IXOTH
        steps.append(_Step(entry, about, steps[-1].is_closed or is_shut))
    return steps[-1]


def _require_placed(folder: _Step, entry: Path, about: os.stat_result) -> None:
    """Raise _PlantedError for an entry that any user could have made."""
    if not folder.is_open_to_all or about.st_uid in {0, os.geteuid()}:
        return
    is_shared = about.st_mode & stat.S_IWGRP and about.st_gid in {os.getegid(), *os.getgroups()}
    if is_shared and not stat.S_ISLNK(about.st_mode):  # links have all modes
        return
    owner = user_name(about.st_uid)
    raise _PlantedError(
        f"{entry} belongs to {owner} and any user may put files into {folder.path}, so it is not trusted; "
        f"have {owner} share it with one of your groups (chgrp, chmod g+w)"
    )
