"""How a run that was not carried out here gets its folder: complete or not at all, and by one process at a time."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iqa_train.locks import locked_folder


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`, which is removed afterwards unless it has been renamed. One needs `alone`.

    What an import that was killed has left is removed.
    """
    for left in folder.glob(".import-*"):
        shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
    try:
        path.chmod(folder_mode())
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def alone(runs_dir: Path) -> Iterator[None]:
    """Prevent another import at the same time, which could write the same folder."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    with locked_folder(runs_dir):
        yield


def folder_mode() -> int:
    """What the process's umask gives a folder: one of mkdtemp is closed to the group, and a run's is not."""
    text = Path("/proc/self/status").read_text()
    return 0o777 & ~next((int(line.split()[1], 8) for line in text.splitlines() if line.startswith("Umask:")), 0o022)
