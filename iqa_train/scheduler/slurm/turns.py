"""One process at a time compares queue and jobs; who does not get a turn has the holder of it look once more."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from iqa_train.locks import lock_if_free, open_lock
from iqa_train.runs.layout import SlurmFiles

_EVERY = 2.0  # seconds between two passes that nobody has asked for
_PATIENCE = 30.0  # seconds: somebody else may be waiting for Slurm
_COMMAND = "command"  # who leaves a mark, if that is no job
_FORGIVING = "forgiving"

Work = Callable[[Mapping[str, str], bool], None]


def in_turn(
    runs_dir: Path, work: Work, *, asked: bool, forgiving: bool = False, ending: Mapping[str, str] | None = None
) -> None:
    """Have `work` done, by this process or by the one whose turn it is.

    Unless `asked`, only where nobody does it now or has just done it. `work` is given the jobs that are ending, with
    their states, and whether what was refused is tried again: as wanted here, and by those who had no turn. A mark that
    is left is taken by the next pass if the holder of the turn is killed; nothing that was asked for is dropped.
    """
    files = SlurmFiles(runs_dir)
    files.folder.mkdir(exist_ok=True)
    if not asked and _was_just_done(files):
        return
    had_turn = _work_once(files, work, _PATIENCE if asked else 0.0, ending or {}, forgiving=forgiving)
    if asked and not had_turn:
        for label, state in (ending or {_COMMAND: _FORGIVING if forgiving else ""}).items():
            files.look_again(label).write_text(state)
        had_turn = _work_once(files, work, 0.0)  # it may have been released just before the mark was there
    while had_turn and files.looks_again():  # left after our look, when the holder was still us
        had_turn = _work_once(files, work, 0.0)


def _was_just_done(files: SlurmFiles) -> bool:
    with contextlib.suppress(FileNotFoundError):
        found = files.lock.stat()
        return abs(time.time() - found.st_mtime) < _EVERY and found.st_size > 0
    return False


def _work_once(
    files: SlurmFiles, work: Work, patience: float, ending: Mapping[str, str] | None = None, *, forgiving: bool = False
) -> bool:
    """Whether it was our turn within `patience` seconds. Marks stay where `work` fails."""
    with lock_if_free(files.lock, patience=patience) as turn:
        if not turn:
            return False
        os.utime(files.folder)  # has a client of NFS see what another host has just submitted
        marks = {path: _text(path) for path in files.looks_again()}
        forgiving |= _FORGIVING in marks.values()
        left = {path.name.partition(".")[0]: text for path, text in marks.items()}
        left.pop(_COMMAND, None)
        work({**left, **(ending or {})}, forgiving)
        for path in marks:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            descriptor = open_lock(files.lock)
            os.pwrite(descriptor, b"-\n", 0)  # its time says when
            os.close(descriptor)
    return True


def _text(mark: Path) -> str:
    with contextlib.suppress(OSError):
        return mark.read_text()
    return ""
