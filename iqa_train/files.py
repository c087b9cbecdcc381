"""Reads and writes files that are either complete or absent (atomic replacement), JSON and JSON Lines."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from iqa_train.errors import RunError, UsageError
from iqa_train.escape import ESCAPED
from iqa_train.home import expanded, home
from iqa_train.locks import lock_now
from iqa_train.regular import NotRegularError, open_regular, open_temporary, sweep, unless_stale

SCHEMA_VERSION = 1
"""The version in every JSON file that this program writes; later versions of the program read all earlier ones."""

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_APPEND_PATIENCE = 0.5
_BLOCK = 1 << 16
_DEEPEST = 64  # levels of a JSON value, because recursive functions walk and copy it
_LARGEST = 1 << 64
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the other surrogates are undecodable bytes of file names
_REFUSED = re.compile(f"\0|{_HALF.pattern}")
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")  # in a string that may hold characters no file name can have


class DamagedFileError(RunError):
    """A file that does not hold the JSON object that it should."""


class UnreadableValueError(RunError, ValueError):
    """A value that would be damage once it is written: `parse_json` refuses it."""


def cache_root(configured: str = "") -> Path:
    """The folder for files that can be recreated: `configured`, $XDG_CACHE_HOME/iqa-train, or ~/.cache/iqa-train.

    Environment variables in `configured` have the values of this process: those of the node where a run runs.
    Raises UsageError for one that is not set, and if the home folder is needed and unknown.
    """
    if configured:
        return expanded(_with_variables(configured))
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "iqa-train"
    if (folder := home()) is None:
        raise UsageError(
            f"the cache folder is unknown: HOME is not set and user {os.getuid()} has no home folder; set cache_dir, "
            "XDG_CACHE_HOME or HOME"
        )
    return folder / ".cache" / "iqa-train"


def shared_cache_root() -> Path | None:
    """The cache of those who set no cache_dir; None where there is no home folder."""
    try:
        return cache_root()
    except UsageError:
        return None


def names_variables(configured: str) -> bool:
    """Whether the folder that a cache_dir names depends on the environment."""
    return _VARIABLE.search(configured) is not None


def _with_variables(configured: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if value := os.environ.get(name):
            return value
        raise UsageError(
            f'cache_dir = "{configured}": {name} is not set on host {os.uname().nodename}; set it there, in the job '
            "or its set-up lines, or write the folder out"
        )

    return _VARIABLE.sub(value, configured)


def write_atomic(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace the content of `path` by `data`, durably: readers see the old or the new, even after a crash.

    Raises OSError (a full disk, say), leaving the old file unchanged and no temporary file.
    """
    descriptor, temporary = open_temporary(path, mode=mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    sweep(path.parent, path.name)


def write_json(path: Path, value: Any, mode: int = 0o666) -> None:  # noqa: ANN401
    """`write_atomic` of indented JSON. Raises UnreadableValueError as `json_bytes` does, leaving the old file."""
    write_atomic(path, json_bytes(value, path), mode)


def json_bytes(value: Any, path: Path | None = None, *, indent: int | None = 2) -> bytes:  # noqa: ANN401
    """JSON for the file `path`, with a newline at its end.

    Raises UnreadableValueError for what `parse_json` refuses: a reader would call the file damaged.
    """
    where = f"{path} is not written: " if path else ""
    try:
        text = json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False)
        data = text.encode(errors=ESCAPED) + b"\n"
        parse_json(data)
    except RecursionError:
        raise UnreadableValueError(where + _TOO_DEEP) from None
    except ValueError as error:
        raise UnreadableValueError(f"{where}{error}") from None
    if not text.isascii() and _HALF.search(text):  # two halves side by side would be read as one character
        raise UnreadableValueError(where + _HALF_WORDS)
    return data


def readable(text: str) -> str:
    """`text` of an unknown program, with escapes for the characters that `json_bytes` refuses."""
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def content_digest(path: Path) -> str:
    """Sixteen hex digits of a file's content; "" if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except (OSError, ValueError):
        return ""


def append_line(path: Path, value: Any) -> None:  # noqa: ANN401
    """Append one JSON line in a single write, so that readers never see two lines mixed.

    If a crash cut the last line short, it is ended first, so that only that line is lost.
    Raises UnreadableValueError for a value that a reader would refuse, and OSError.
    """
    line = json_bytes(value, path, indent=None)
    descriptor = open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # Without the lock, a line that is being written would look like one cut short. Readers may hold it for ever.
        lock_now(descriptor, patience=_APPEND_PATIENCE)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(28, "No space left on device", str(path))
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None if there is no file.

    This program replaces files atomically, so one that is cut short was damaged otherwise: DamagedFileError.
    """
    try:
        value = parse_json(_content(path))
    except FileNotFoundError:
        return None
    except NotRegularError as error:
        raise DamagedFileError(f"{path} is damaged ({error.strerror})") from None
    except ValueError as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from None
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path} is damaged (it does not hold an object)")
    return value


def _content(path: Path, last: int | None = None) -> bytes:
    """The whole file, or its `last` bytes. Raises NotRegularError or OSError."""

    def read() -> bytes:
        with os.fdopen(open_regular(path, follow=True), "rb", buffering=0) as file:
            if last is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - last))
            return file.read()

    return unless_stale(read)


def parse_json(data: str | bytes) -> Any:  # noqa: ANN401
    """A JSON value. Raises ValueError, and nothing else, for text that this program could not have written.

    That includes numbers that are not finite or exceed 64 bits, deep nesting, half of a surrogate pair, and U+0000.
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > _DEEPEST or _SUSPECT.search(text):
        _walk(value)
    return value


def _walk(value: object) -> None:
    """Raise ValueError for deep nesting, and for strings that cannot be printed or be a file name."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(_TOO_DEEP)
        inner: list[object] = []
        for part in level:
            if isinstance(part, dict):
                inner += part.keys()
                inner += part.values()
            elif isinstance(part, list):
                inner += part
            elif isinstance(part, str):
                if "\0" in part:
                    raise ValueError("it contains the character U+0000")
                if not part.isascii() and _HALF.search(part):
                    raise ValueError(_HALF_WORDS)
        level = inner


_TOO_DEEP = "it is nested too deeply"
_HALF_WORDS = "it contains half of a surrogate pair"


def _not_finite(word: str) -> float:
    raise ValueError(f"{word[:20]} is not a finite number")


def _float(word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _not_finite(word)


def _int(word: str) -> int:
    value = int(word) if len(word) < 25 else _LARGEST
    if abs(value) >= _LARGEST:
        raise ValueError(f"{word[:20]}... exceeds 64 bits")
    return value


_DECODER = json.JSONDecoder(parse_constant=_not_finite, parse_float=_float, parse_int=_int)


def read_lines(path: Path, only: bytes = b"", last: int | None = None) -> Iterator[dict[str, Any]]:
    """The JSON objects of a JSON Lines file, oldest first, without damaged lines; none if there is no file.

    With `only`, lines that do not contain these bytes are not parsed; with `last`, only the last bytes are read.
    """
    try:
        data = _content(path, last)
    except FileNotFoundError:
        return
    except NotRegularError as error:
        raise DamagedFileError(f"{path} is damaged ({error.strerror})") from None
    lines = data.split(b"\n")[:-1]  # what follows the last newline is unterminated
    yield from parse_lines(line for line in lines if only in line)


def parse_lines(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects among `lines`."""
    for line in lines:
        try:
            value = parse_json(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tail_offset(file: BinaryIO, lines: int) -> int:
    """The offset at which the last `lines` lines of a file start. It is read backwards, so its size does not matter."""
    end = file.seek(0, os.SEEK_END)
    position, wanted = end, lines + 1  # a newline at the very end closes the last line
    while position > 0 and lines > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        block = file.read(position - start)
        if position == end and not block.endswith(b"\n"):
            wanted -= 1
        found = block.count(b"\n")
        if found >= wanted:
            at = len(block)
            for _ in range(wanted):
                at = block.rfind(b"\n", 0, at)
            return start + at + 1
        wanted -= found
        position = start
    return 0 if lines else end


class LineFollower:
    """Reads what has been appended to a file since the last call, up to the last complete line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_text(self) -> str:
        """New complete lines, undecodable bytes replaced; empty if there are none, or no file yet."""
        try:
            with os.fdopen(open_regular(self._path, follow=True), "rb") as file:
                file.seek(self._offset)
                data = file.read(1 << 20)
        except FileNotFoundError:
            return ""
        whole = data[: data.rfind(b"\n") + 1] if len(data) < 1 << 20 or b"\n" in data else data
        self._offset += len(whole)
        return whole.decode(errors="replace")

    def new_events(self) -> list[dict[str, Any]]:
        """The objects of new lines of a JSON Lines file, without damaged ones."""
        return list(parse_lines(self.new_text().split("\n")))  # splitlines would split within strings, too
