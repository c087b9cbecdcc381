"""What is in a split file, in a few digits: the file's name may change, its content may not."""

import hashlib
from functools import lru_cache
from pathlib import Path

DIGITS = 16


def split_digest(path: Path) -> str:
    """Sixteen hex digits of the file's lines, in any order and with any line ends; empty where it cannot be read."""
    try:
        stat = path.stat()
        return _digest(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _digest(path: Path, _mtime_ns: int, _size: int) -> str:
    lines = sorted(line.strip() for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines())
    return hashlib.sha256(b"\n".join(line for line in lines if line)).hexdigest()[:DIGITS]
