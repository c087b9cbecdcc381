"""Who may use a device: file locks in a folder of this host, shared by everybody who works on it.

The runner takes the lock and its worker inherits the open file, so that a lease ends exactly when the last process that
can touch the device has ended, whichever was killed and how. There is never anything to clean up.

    <key>.lock      held alone by a run that has the device to itself, together by runs that share it
    <key>.2.lock    place 2 of those who share it
"""

import getpass
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import parse_json
from iqa_train.lockholder import user_name
from iqa_train.locks import lock_now
from iqa_train.regular import NotRegularError, open_regular
from iqa_train.schema import build

_FOLDER = "/tmp/iqa-train-leases"  # not $TMPDIR, which is often a user's own; not /dev/shm, which a log-out may empty
VARIABLE = "IQA_TRAIN_LEASES"
_PATIENCE = 1.0  # seconds: others who only ask hold a lock for a moment


@dataclass(frozen=True)
class Holder:
    """Who holds a device, in words for other users."""

    experiment: str
    study: str = ""
    user: str = ""
    run: str = ""

    @property
    def name(self) -> str:
        """The experiment, or that it is unknown."""
        return self.experiment or "an unknown process"


@dataclass(frozen=True)
class Lease:
    """A device that is ours while any process has these descriptors open."""

    descriptors: tuple[int, ...]
    paths: tuple[Path, ...]

    def close(self) -> None:
        """Give it back, as far as this process goes."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    def refresh(self) -> None:
        """Keep the files young: what cleans old files out of /tmp must not take a lock that is held."""
        for descriptor in self.descriptors:
            try:
                os.utime(descriptor)
            except OSError:  # another user's file: he touches it, or we made none
                continue


def acquire(key: str, holder: Holder, *, places: int = 1) -> Lease | None:
    """The device `key`, alone or, with `places` above 1, as one of so many; None if it is taken.

    Raises RunError where the leases' folder cannot be used.
    """
    folder = _folder()
    if places <= 1:
        return _lock_all(folder, [(f"{key}.lock", False)], holder)
    for place in range(1, places + 1):
        lease = _lock_all(folder, [(f"{key}.lock", True), (f"{key}.{place}.lock", False)], holder, _PATIENCE / places)
        if lease is not None:
            return lease
    return None


def holders(key: str, *, places: int = 1) -> list[Holder]:
    """Who prevents one more lease on the device; empty if it is free."""
    folder = leases_folder()
    alone = _holder_of(folder / f"{key}.lock")
    if alone is not None:
        return [alone]
    mine = [folder / f"{key}.{place}.lock" for place in range(1, places + 1)]
    paths = sorted(folder.glob(f"{escape(key)}.*.lock")) if places <= 1 else mine
    found = [holder for path in paths if (holder := _holder_of(path)) is not None]
    return found if places <= 1 or len(found) == places else []


def room(key: str, places: int) -> int:
    """How many more leases are free on a device that `places` runs share."""
    folder = leases_folder()
    if _holder_of(folder / f"{key}.lock") is not None:
        return 0
    return sum(_holder_of(folder / f"{key}.{place}.lock") is None for place in range(1, places + 1))


def gpus_held_by(user: str) -> set[str]:
    """The keys of the GPUs on which `user`, by its login name, holds a lease, in whatever project."""
    found = set()
    for path in leases_folder().glob("*.lock"):
        holder = _holder_of(path)
        if holder is not None and holder.user == user and not path.name.startswith("cpu-"):
            found.add(re.sub(r"(\.\d+)?\.lock$", "", path.name))
    return found


def login_name() -> str:
    """The user's name, or empty where there is no name: what `Holder.user` is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _lock_all(
    folder: Path, names: Sequence[tuple[str, bool]], holder: Holder, patience: float = _PATIENCE
) -> Lease | None:
    descriptors: list[int] = []
    paths = [folder / name for name, _ in names]
    try:
        for path, (_, shared) in zip(paths, names, strict=True):
            descriptor = _open(path)
            descriptors.append(descriptor)
            if not lock_now(descriptor, shared=shared, patience=patience):
                break
            if not _still_there(descriptor, path):  # cleaned away in between: others would lock another file
                break
        else:
            _sign(descriptors[-1], holder)
            return Lease(tuple(descriptors), tuple(paths))
    except OSError as error:
        _close_all(descriptors)
        cure = "" if isinstance(error, NotRegularError) else "; correct its permissions"
        raise RunError(
            f"the lease {error.filename or folder} cannot be taken: {error.strerror}{cure}, or set {VARIABLE} to a "
            "folder of this host that all its users may write"
        ) from None
    _close_all(descriptors)
    return None


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def leases_folder() -> Path:
    """Where leases are kept on this host; it need not be there yet."""
    return Path(os.environ.get(VARIABLE) or _FOLDER)


def _folder() -> Path:
    """The leases' folder, made for all users: each may add files, none may remove another's."""
    folder = leases_folder()
    try:
        if not folder.parent.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
        with _umask_for_all():  # in one step: a process in between could not use it
            folder.mkdir(mode=0o1777)
    except FileExistsError:
        pass
    except OSError as error:
        raise RunError(
            f"the folder of leases {folder} cannot be made: {error.strerror}; set {VARIABLE} to another"
        ) from None
    if (complaint := folder_complaint(folder)) is not None:
        raise RunError(f"{complaint}, or set {VARIABLE} to another")
    return folder


def folder_complaint(folder: Path) -> str | None:
    """Why leases in this folder would not be respected, and what to do; None where they are.

    In a folder that others may write to, the sticky bit alone keeps them from removing or replacing our locks.
    """
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode):
        return f"{folder} is not a folder, but leases are kept there; remove it"
    open_to_others = about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if open_to_others and not about.st_mode & stat.S_ISVTX:
        cure = "chmod 1777 it" if about.st_uid == os.geteuid() else "have its owner chmod 1777 it"
        return (
            f"other users may remove others' locks from the leases' folder {folder} of {user_name(about.st_uid)}, "
            f"which has no sticky bit; {cure}"
        )
    if not open_to_others and about.st_uid not in {0, os.geteuid()}:
        return (
            f"the leases' folder {folder} is {user_name(about.st_uid)}'s alone, so no other user can take a device; "
            "have its owner chmod 1777 it"
        )
    return None


def _open(path: Path) -> int:
    """Open for everybody. Without O_CREAT first: in a sticky folder, kernels refuse it on another user's file."""
    with _umask_for_all():
        for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR):
            try:
                return open_regular(path, flags)
            except (FileNotFoundError, FileExistsError):
                continue
            except PermissionError:
                if not path.exists():
                    raise
                break
    return open_regular(path)  # enough to lock it


@contextmanager
def _umask_for_all() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _sign(descriptor: int, holder: Holder) -> None:
    """Write who holds it, for those who wait; a failure does not keep the run from starting."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    except OSError:
        return


def _holder_of(path: Path) -> Holder | None:
    """Who holds the exclusive lock on `path`; None if it is free. Asking, as here, does not keep others out."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        if lock_now(descriptor, shared=True):
            return None
        text = os.pread(descriptor, 4096, 0)
    finally:
        os.close(descriptor)
    try:
        return build(Holder, {"experiment": "", **parse_json(text)})  # others write these words: they are only shown
    except (ValueError, TypeError):
        return Holder("")
