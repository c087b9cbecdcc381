"""Finds the process that holds a lock in the kernel's table, for messages, and checks whether it is entitled to."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iqa_train.errors import visible

_LONGEST = 60  # characters of a command


@dataclass(frozen=True)
class LockHolder:
    """A living process."""

    pid: int
    user_id: int
    command: str
    suspended: bool

    def __str__(self) -> str:
        state = f", which is suspended (kill -CONT {self.pid} resumes it)" if self.suspended else ""
        return f"process {self.pid} ({self.command or 'unknown command'}, {user_name(self.user_id)}){state}"

    def may_write(self, lock: Path) -> bool:
        """Whether its user can write to the lock's file or replace it, as every user who works with the lock can.

        A file that another user of a shared folder created may be read-only for this user, because of the umask.
        """
        try:
            file, folder = lock.stat(), lock.parent.stat()
        except OSError:
            return True
        shared = stat.S_IWGRP | stat.S_IWOTH
        if self.user_id in {0, file.st_uid, folder.st_uid} or file.st_mode & shared:
            return True
        return bool(folder.st_mode & shared) and not folder.st_mode & stat.S_ISVTX


def user_name(user_id: int) -> str:
    """The user's name, or `user NUMBER` if the system does not know it."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def lock_holder(path: Path) -> LockHolder | None:
    """The holder of the lock on the file `path`; None if it cannot be seen: not Linux, another host or container."""
    try:
        about = path.stat()
    except OSError:
        return None
    for pid in _lockers(about):
        if (holder := _process(pid)) is not None:
            return holder
    return next((h for pid in _inheritors(about) if (h := _process(pid)) is not None), None)


def holder_words(path: Path) -> str:
    """The holder in words."""
    return str(lock_holder(path) or "a process that cannot be seen from here")


def _lockers(about: os.stat_result) -> list[int]:
    """The processes that locked a file, by /proc/locks; one that passed its lock on to a child may be gone."""
    device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}"
    exact: list[int] = []
    other: list[int] = []  # on some file systems (btrfs), the device in the table is not that of stat
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK":
                place, _, inode = words[5].rpartition(":")
                if inode == str(about.st_ino):
                    (exact if place == device else other).append(int(words[4]))
    return exact or other


def _inheritors(about: os.stat_result) -> Iterator[int]:
    """Processes that have the file open with a lock on it; only root sees other users' processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for entry in os.scandir(folder / "fd"):
                with suppress(OSError):
                    there = Path(entry.path).stat()
                    same = (there.st_dev, there.st_ino) == (about.st_dev, about.st_ino)
                    if same and "lock:" in (folder / "fdinfo" / entry.name).read_text():
                        yield int(folder.name)


def _process(pid: int) -> LockHolder | None:
    folder = Path("/proc") / str(pid)
    try:
        user_id = folder.stat().st_uid
        state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
        words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except (OSError, IndexError):
        return None
    if pid <= 0 or state in {b"Z", b"X"}:
        return None
    command = visible(" ".join(word.decode(errors="replace") for word in words))
    command = command if len(command) <= _LONGEST else command[: _LONGEST - 1] + "…"
    return LockHolder(pid, user_id, command, state in {b"T", b"t"})
