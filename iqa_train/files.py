"""Files that are whole or not there: atomic replacement, appended lines, locks, and where caches go."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LOCK_POLL = 0.2


def cache_root(configured: str = "") -> Path:
    """Where things that can be made again are kept: `configured`, $XDG_CACHE_HOME/iqa-train, or ~/.cache/iqa-train."""
    if configured:
        return Path(configured).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iqa-train"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, durably: a reader or a crash sees all of the old or all of the new.

    Raises OSError (a full disk, say) with the old file untouched and no remains.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """`write_atomic` of indented JSON; NaN is refused, since other readers of JSON do not know it."""
    write_atomic(path, (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode())


def append_line(path: Path, value: Any) -> None:  # noqa: ANN401
    """Add one JSON line in a single write, so that a reader never sees two lines mixed.

    A line that a crash cut short is first ended, so that it spoils itself alone.
    """
    line = json.dumps(value, allow_nan=False, ensure_ascii=False).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(28, "No space left on device", str(path))
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole JSON objects of a file of lines, oldest first; lines cut short are passed over. No file, no lines."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    yield from _objects(data.split(b"\n")[:-1])  # what follows the last newline is unterminated


def _objects(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` (made if missing, never removed).

    Waits for another holder, and calls `waiting`, which may raise to end that, several times a second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while not _locked_now(file.fileno()):
            waiting()
            time.sleep(_LOCK_POLL)
        yield


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LineFollower:
    """Reads what a growing file has got since the last look; a line not yet ended waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_text(self) -> str:
        """Whole new lines, undecodable bytes replaced; empty when there are none, or no file yet."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(1 << 20)
        except FileNotFoundError:
            return ""
        whole = data[: data.rfind(b"\n") + 1] if len(data) < 1 << 20 or b"\n" in data else data
        self._offset += len(whole)
        return whole.decode(errors="replace")

    def new_events(self) -> list[dict[str, Any]]:
        """The same for a file of JSON lines; lines cut short are passed over."""
        return list(_objects(self.new_text().split("\n")))  # splitlines would also part at separators within a text


def _locked_now(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
