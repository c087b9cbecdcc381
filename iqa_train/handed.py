"""Locked files that a worker is handed as open descriptors, and its check that it holds them.

A worker that does not hold the lock of its run and the lease of its device must not touch either: another may start
beside it.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from iqa_train.errors import RunError

HANDED = "IQA_TRAIN_HANDED"
"""In the environment of a worker: `descriptor:device:inode:locked` of each, separated by spaces."""


def handing(descriptors: Iterable[int]) -> dict[str, str]:
    """What the environment of a process that inherits these descriptors is to hold besides."""
    return {
        HANDED: " ".join(f"{descriptor}:{_file(descriptor)}:{_shown_locked(descriptor)}" for descriptor in descriptors)
    }


def require_handed() -> None:
    """Raise RunError unless each descriptor that this process was handed is the file it should be, and locked by it.

    A process that was handed nothing, as one that is started by hand, holds all that it must.
    """
    for entry in os.environ.get(HANDED, "").split():
        number, _, expected = entry.partition(":")
        try:
            found = f"{_file(int(number))}:{_shown_locked(int(number))}"
        except OSError:
            found = "closed"
        if found != expected:
            raise RunError(
                f"descriptor {number} is not the lock that this worker was handed: another run could use its device or "
                "its folder at the same time, so it ends; start the run again, and if that happens again, look for a "
                "program between iqa-train and its worker that closes descriptors"
            )


def _file(descriptor: int) -> str:
    about = os.fstat(descriptor)
    return f"{about.st_dev}:{about.st_ino}"


def _shown_locked(descriptor: int) -> int:
    """1 if the kernel shows a lock on the open file itself (Linux 4.1; some sandboxes show none, and then 0)."""
    try:
        return int("\nlock:" in Path(f"/proc/self/fdinfo/{descriptor}").read_text())
    except FileNotFoundError:
        return 0
