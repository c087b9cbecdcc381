"""A ticket: what guards a lock's file between hosts, where flock ends at the host, is ignored, or is not there.

The ticket of `queue.lock` is an empty file in a folder beside it. The file is named `free`, or says who has the ticket
and how often it has been renewed. Renames are all there is to it, and a file server carries them out one at a time:

- To take it, `free` is renamed to a name of the holder's own; to give it back, the other way round.
- While it is kept, its file is renamed to the next count every few seconds.
- From a holder that has died, or has not renewed it for STALE seconds, it is taken by renaming that very file. Since a
  name never returns, of several that try one succeeds, and none does if the holder has renewed meanwhile: late
  visibility of names, and clocks that differ, make this slower and never wrong.
- Who has lost it learns so from the next renewal, which locks.Held.require makes.
- The folder appears with its file in it, by a rename that replaces an empty folder at most.
"""

import errno
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from iqa_train.procfs import boot_id, pid_namespace, proc_is_ours, stat_of

RENEWED_EVERY = 3.0  # seconds
STALE = 20.0  # seconds of looking at a ticket that is not renewed, after which its holder has lost it
_OLD = 60.0  # seconds after which a ticket that was prepared and not taken is a leftover
_FREE = "free"
_MADE = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}  # by another process, which may have removed ours as a leftover
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
# Without the right to write there, without room, or where a file system has no such renames, locks must do.
_IMPOSSIBLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP,
}  # fmt: skip


class _Holder(NamedTuple):
    """What the name of a ticket's file says."""

    host: str
    boot: str
    namespace: str
    pid: int
    created: str

    @property
    def has_died(self) -> bool:
        """Whether it is known to have ended; False for a process that cannot be seen from here."""
        if (self.boot, self.namespace) != (boot_id()[:8], str(pid_namespace())) or not proc_is_ours():
            return False
        stat = stat_of(self.pid)
        return stat is None or (stat.created is not None and str(stat.created) != self.created)

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host}"


def _holder_from(name: str) -> _Holder | None:
    fields = name.split("~")
    if len(fields) != 7 or not fields[3].isdigit():
        return None
    return _Holder(fields[0], fields[1], fields[2], int(fields[3]), fields[4])


def _new_name() -> str:
    """A name that no other ticket has, at its first count."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)[:64]
    stat = stat_of(os.getpid())
    fields = (host, boot_id()[:8], pid_namespace(), os.getpid(), stat.created if stat else 0, os.urandom(8).hex(), 0)
    return "~".join(map(str, fields))


def _next_name(name: str) -> str:
    stem, _, count = name.rpartition("~")
    return f"{stem}~{int(count) + 1}"


class Ticket:
    """The ticket of the lock's file `lock`, for one holder. With `tidy`, its folder is removed when it is given back.

    That costs a journalling file system more than the rest.
    """

    def __init__(self, lock: Path, *, tidy: bool = False) -> None:
        self._folder = lock.with_name(f".{lock.name}.ticket")
        self._tidy = tidy
        self._mine = _new_name()
        self._name = ""  # of the file in the folder, while we have it
        self._seen, self._unchanged, self._looked = "", 0.0, 0.0  # the holder's name, and for how long it is the same
        self._none = False  # tickets are impossible here
        self._renewing = threading.Lock()

    @property
    def holder(self) -> str:
        """Who had the ticket at the last attempt to take it, in words."""
        return str(_holder_from(self._seen) or "a process that cannot be seen from here")

    def take(self) -> bool:
        """Try once; True also where there can be no tickets. Raises OSError."""
        try:
            if _renamed(self._folder / _FREE, self._folder / self._mine) or self._make_or_take_over():
                self._name = self._mine
        except OSError as error:
            if error.errno not in _IMPOSSIBLE:
                raise
            self._none = True
        return self._none or bool(self._name)

    def _make_or_take_over(self) -> bool:
        names = _names(self._folder)
        if not names:
            return self._make()
        return _FREE not in names and self._take_over(names[0])

    def _make(self) -> bool:
        """Make the folder, with the ticket as ours, where there is none or an empty one."""
        prepared = _unused(self._folder)
        prepared.mkdir()
        try:
            prepared.chmod(self._folder.parent.stat().st_mode & 0o777)  # who may write there may take it over
            (prepared / self._mine).touch()
            with suppress(OSError):
                self._folder.rmdir()  # not every file system lets a rename replace an empty folder
            prepared.rename(self._folder)
        except OSError as error:
            _remove(prepared)
            if error.errno not in _MADE:
                raise
            return (self._folder / self._mine).exists()
        _sweep(self._folder)
        return True

    def _take_over(self, held: str) -> bool:
        """Take the ticket from a holder that has died or gives no sign of life."""
        now = time.monotonic()
        # Seconds in which no look was possible do not count: a server that was away kept the holder from renewing, too.
        self._unchanged = self._unchanged + min(now - self._looked, 1.0) if held == self._seen else 0.0
        self._seen, self._looked = held, now
        holder = _holder_from(held)
        is_lost = self._unchanged >= STALE or (holder is not None and holder.has_died)
        return is_lost and _renamed(self._folder / held, self._folder / self._mine)

    def renew(self) -> bool:
        """Show that the holder is alive; False if it has lost the ticket. Raises OSError if the server is away."""
        with self._renewing:
            if self._name:
                after = _next_name(self._name)
                self._name = after if _renamed(self._folder / self._name, self._folder / after) else ""
            return self._none or bool(self._name)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it within the block, and give it back after it."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEWED_EVERY):
                with suppress(OSError):  # `require` will tell
                    if not self.renew():
                        return

        with suppress(RuntimeError):  # no thread can be started; what is done quickly needs none
            if self._name:
                threading.Thread(target=renew, daemon=True, name="ticket").start()
        try:
            yield
        finally:
            ended.set()
            self.give_back()

    def give_back(self) -> None:
        """Let go of it, if it is ours."""
        with self._renewing, suppress(OSError):
            name, self._name = self._name, ""
            if name and self._tidy:
                (self._folder / name).unlink()
                self._folder.rmdir()
            elif name:
                _renamed(self._folder / name, self._folder / _FREE)


def _unused(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.{os.urandom(8).hex()}")


def _names(folder: Path) -> list[str]:
    """What is in it; nothing where there is no folder."""
    try:
        # A client of NFS may take what it knows of a folder for true for a minute, unless it changes something there.
        os.utime(folder)
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return []


def _renamed(old: Path, new: Path) -> bool:
    """Whether a rename succeeded; False if there is no `old`. Raises OSError for another reason."""
    try:
        old.rename(new)
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return new.exists()  # a server that has lost its answer says that there is no `old`
    return True


def _sweep(folder: Path) -> None:
    """Remove what killed processes have prepared. Ages are by the server's clock."""
    leftover = re.compile(rf"{re.escape(folder.name)}\.[0-9a-f]{{16}}")
    with suppress(OSError):
        found = [folder.parent / name for name in os.listdir(folder.parent) if leftover.fullmatch(name)]  # noqa: PTH208
        if found:
            now = folder.stat().st_mtime
            for path in found:
                if now - path.stat().st_mtime > _OLD:
                    away = _unused(folder)  # its owner, if it is alive after all, must not take it half removed
                    path.rename(away)
                    _remove(away)


def _remove(prepared: Path) -> None:
    with suppress(OSError):
        for name in os.listdir(prepared):  # noqa: PTH208
            (prepared / name).unlink()
        prepared.rmdir()
