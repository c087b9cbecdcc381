"""What the file system of a folder really does, measured in a folder of its own there that is removed again."""

import errno
import fcntl
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iqa_train.runner.program import code_command

LIMIT = 30.0
"""Seconds after which a file system that does not answer is given up."""

PREFIX = ".doctor-"
_TRIES = 5
_PAUSE = 0.003
_STEPS = (10**9, 10**6, 10**3, 1)  # ns
_TRY_LOCK = "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)"


@dataclass(frozen=True)
class FileAbilities:
    """`flock` says how locks fail, "" if a process's lock keeps out another. `ahead`: of this host's clock, seconds."""

    exclusive: bool
    renames: bool  # replace a file whole, also one that is open; and an empty folder, but none with files
    links: bool
    flock: str
    fsync: float  # seconds
    time_step: int  # ns: file times are multiples of it
    ahead: float


def measure_abilities(folder: Path) -> FileAbilities | None:
    """Those of the file system at `folder`; None if it did not answer within LIMIT. Raises OSError."""
    found: list[FileAbilities | OSError] = []

    def measure() -> None:
        try:
            found.append(_measure(folder))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=measure, daemon=True)  # a server that is away holds whoever asks it
    thread.start()
    thread.join(LIMIT)
    if not found:
        return None
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]


def _measure(folder: Path) -> FileAbilities:
    own = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    try:
        seconds, step, ahead = _times(own / "times")
        return FileAbilities(
            exclusive=_exclusive(own / "exclusive"), renames=_renames(own), links=_succeeds(lambda: _link(own)),
            flock=lock_failure(own / "lock"), fsync=seconds, time_step=step, ahead=ahead,
        )  # fmt: skip
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _exclusive(path: Path) -> bool:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return True
    return False


def _renames(own: Path) -> bool:
    old, new = own / "old", own / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    with old.open("rb") as opened:
        if not _succeeds(lambda: new.replace(old)):
            return False
        before = opened.read() if _succeeds(opened.readable) else b""
    for name in ("empty", "one", "two", "full"):
        (own / name).mkdir()
    (own / "full" / "file").touch()
    into_empty = _succeeds(lambda: (own / "one").rename(own / "empty"))
    into_full = _succeeds(lambda: (own / "two").rename(own / "full"))
    return (before, old.read_bytes(), new.exists(), into_empty, into_full) == (b"old", b"new", False, True, False)


def _link(own: Path) -> None:
    (own / "linked").touch()
    (own / "link").hardlink_to(own / "linked")


def lock_failure(path: Path) -> str:
    """How locks on `path`, which is created, fail between processes of this host; "" if they work."""
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return str(error.strerror)
        other = subprocess.run(code_command(_TRY_LOCK, str(path)), capture_output=True, timeout=LIMIT, check=False)
    return "two processes get the same lock" if other.returncode == 0 else ""


def _times(path: Path) -> tuple[float, int, float]:
    """Seconds of an fsync, the step of file times in ns, and how far they are ahead of this host's clock."""
    spent, stamps, ahead = [], [], []
    with path.open("wb", buffering=0) as file:
        for _ in range(_TRIES):
            began, clock = time.perf_counter(), time.time()
            file.write(bytes(4096))
            with suppress(OSError):
                os.fsync(file.fileno())
            spent.append(time.perf_counter() - began)
            stamps.append(os.fstat(file.fileno()).st_mtime_ns)
            ahead.append(stamps[-1] / 1e9 - (clock + time.time()) / 2)
            time.sleep(_PAUSE)
    step = next(step for step in _STEPS if all(stamp % step == 0 for stamp in stamps))
    return statistics.median(spent), step, statistics.median(ahead)


def _succeeds(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError as error:
        if error.errno in {errno.EIO, errno.ETIMEDOUT}:
            raise
        return False
    return True
