"""The fence between the attempts of a run: once a later one has begun, an earlier one changes nothing of the run.

A host may be given up while its worker lives on. An attempt's number is its token: its folder is made by an exclusive
mkdir, which every file system decides once. A worker looks for a later attempt before it writes, but it may be
suspended between the look and the write, or be shown an old listing. So whatever it writes into the run is made in a
folder of its own, `writing`, and moved to its place by one rename; and who begins the next attempt removes that folder
first. A rename whose source is gone fails, and nothing can be made in a removed folder: on a network file system it is
the server that refuses, whatever its clients remember.
"""

import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from iqa_train.files import json_bytes, sync_folder, write_atomic
from iqa_train.runs.attempt_facts import read_runner_info
from iqa_train.runs.identity import origin_from
from iqa_train.runs.layout import Attempt, RunFolder, is_attempt
from iqa_train.runs.marks import marked
from iqa_train.runs.outcome import superseded_words

_EVERY = 1.0  # seconds between two looks of `check_at_times`
_TRIES = 1000  # to empty a folder in which another process makes files


class Superseded(Exception):  # noqa: N818 (an event, not an error)
    """A later attempt at the run has begun; this one writes nothing more."""


class Writer:
    """Replaces and removes files of a run, each whole or not at all."""

    def check(self) -> None:
        """Raise if nothing may be written any more."""

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """A path to write a file to, which at the end takes the place of `path`."""
        staging = path.parent / ".writing"
        shutil.rmtree(staging, ignore_errors=True)  # left by a kill
        staging.mkdir()
        try:
            yield staging / path.name
            _put(staging / path.name, path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def write(self, path: Path, data: bytes) -> None:
        """Replace the content of a file. Raises OSError, leaving the old file unchanged."""
        write_atomic(path, data)

    def write_json(self, path: Path, value: Any) -> None:  # noqa: ANN401
        """Replace a file by indented JSON."""
        self.write(path, json_bytes(value, path))

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)


class FencedWriter(Writer):
    """The same for the worker of `attempt`. Everything raises Superseded once a later attempt has begun."""

    def __init__(self, run: RunFolder, attempt: Attempt) -> None:
        self._run, self._attempt = run, attempt
        self._next_look = 0.0

    def open(self) -> None:
        """Make the folder for what is being written; once, before anything else."""
        try:
            self._attempt.writing.mkdir()
        except FileExistsError:
            self._require_open()

    def check(self) -> None:
        """Raise Superseded if a later attempt can be seen."""
        if (number := later_attempt(self._run, self._attempt)) is not None:
            raise Superseded(superseded_words(number))

    def check_at_times(self) -> None:
        """The same at most once a second."""
        if (now := time.monotonic()) >= self._next_look:
            self._next_look = now + _EVERY
            self.check()

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """As of any writer; between the last look for a later attempt and the rename, the fence holds."""
        self.check()
        staged = self._attempt.writing / path.name
        try:
            yield staged
            self.check()
            _put(staged, path)
        except Exception:
            self._require_open()
            raise
        finally:
            with suppress(OSError):
                staged.unlink(missing_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Replace the content of a file. Raises OSError, leaving the old file unchanged."""
        with self.replacing(path) as staged, staged.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there. It is moved out for that: a late move fails, a late removal would not."""
        self.check()
        staged = self._attempt.writing / path.name
        try:
            path.rename(staged)
            staged.unlink(missing_ok=True)
        except OSError as error:
            self._require_open()
            if not isinstance(error, FileNotFoundError):
                raise

    def _require_open(self) -> None:
        """Raise Superseded if the fence is up, or about to be. Where the run itself is gone, others say so."""
        self.check()
        if self._attempt.folder.is_dir() and not self._attempt.writing.is_dir():
            raise Superseded(superseded_words())


def later_attempt(run: RunFolder, attempt: Attempt) -> int | None:
    """The number of the last attempt made after `attempt`; None if there is none, or the folder is gone."""
    try:
        with os.scandir(run.path) as entries:
            numbers = [int(re.sub(r"\D", "", entry.name)) for entry in entries if is_attempt(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    last = max(numbers, default=0)
    return last if last > attempt.number else None


def fence_off(attempt: Attempt, number: int) -> None:
    """Keep `attempt` from changing the run, for attempt `number`; afterwards, what it left there is final.

    A file stays in place of its folder `writing`, so that a worker which has yet to begin cannot make that.
    Raises OSError where that is not allowed, unless the attempt has been seen to be over.
    """
    try:
        _fence_off(attempt, number)
    except PermissionError:
        if not is_over(attempt):
            raise


def _fence_off(attempt: Attempt, number: int) -> None:
    for _ in range(_TRIES):
        drop_unfinished(attempt)
        with suppress(FileExistsError):
            descriptor = os.open(attempt.writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{superseded_words(number)}\n")
            return
        if not attempt.writing.is_dir():  # fenced off before
            return
    raise OSError(errno.ENOTEMPTY, "it cannot be emptied", str(attempt.writing))


def drop_unfinished(attempt: Attempt) -> None:
    """Remove the folder `writing` and what is in it, unless another process fills it meanwhile.

    Each file is moved out before it is removed: where a process of this host has one open, removing it in place would
    leave another name in the folder, on NFS.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(attempt.writing):  # noqa: PTH208
            aside = attempt.folder / f".{name}.{os.urandom(8).hex()}.tmp"
            with suppress(FileNotFoundError):
                (attempt.writing / name).rename(aside)
                shutil.rmtree(aside, ignore_errors=True) if aside.is_dir() else aside.unlink(missing_ok=True)
        try:
            attempt.writing.rmdir()
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise


def is_over(attempt: Attempt) -> bool:
    """Whether no process of an attempt is left: its end is recorded, or it ran here and is not seen any more.

    One that has no runner.json never started a worker; what its runner starts yet is fenced off.
    """
    if attempt.exit.exists():
        return True
    origin = origin_from(read_runner_info(attempt))
    return origin is None or (origin.is_here and not marked(attempt.folder))


def _put(staged: Path, path: Path) -> None:
    staged.replace(path)
    sync_folder(path.parent)
