"""Reads the documents of runs, and a document again only when it has changed on disk."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from iqa_train.errors import RunError
from iqa_train.runs.metrics import MetricsFile

T = TypeVar("T")

_RACY = 50_000_000  # ns: of a file that is younger when it is read, a further change may leave the time as it is

_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Damage:
    """Why a document has no value: a sentence that names the file. `unreadable`: the system refused to read it."""

    words: str
    unreadable: bool = False


def unreadable(error: OSError) -> Damage:
    """Of a file that the system refused to read."""
    return Damage(f"{error.filename} cannot be read: {error.strerror}", unreadable=True)


def undamaged(document: T | Damage | None) -> T | None:
    """A document without its damage, if it has any."""
    return None if isinstance(document, Damage) else document


class DocumentCache:
    """What was read, by path. Not for several threads at once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, object]] = {}
        self._metrics: dict[str, MetricsFile] = {}

    def read(self, path: str, reader: Callable[[Path], T | None]) -> T | Damage | None:
        """What `reader` returns of the file or folder `path`; None where there is nothing."""
        try:
            about = os.stat(path)  # noqa: PTH116 (a thousand runs have many thousands of files)
        except FileNotFoundError:
            self._known.pop(path, None)
            return None
        except OSError as error:
            return unreadable(error)
        stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]  # type: ignore[return-value]
        try:
            value: T | Damage | None = reader(Path(path))
        except RunError as error:
            value = Damage(str(error))
        except FileNotFoundError:  # removed since
            return None
        except OSError as error:
            return unreadable(error)
        if time.time_ns() - about.st_mtime_ns > _RACY:
            self._known[path] = stamp, value
        else:
            self._known.pop(path, None)
        return value

    def read_metrics(self, path: Path) -> MetricsFile | Damage | None:
        """The events of an attempt; of a file that has grown, only what is new is read."""
        before = self._metrics.get(str(path))
        found = self.read(str(path), lambda there: MetricsFile.read(there, before))
        if isinstance(found, MetricsFile):
            self._metrics[str(path)] = found
        return found
