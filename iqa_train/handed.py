"""Passes locked files to a worker as open descriptors; the worker checks that it holds them.

A worker that does not hold the lock of its run and the lease of its device must not touch either: another worker may
start beside it.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from iqa_train.errors import RunError

HANDED = "IQA_TRAIN_HANDED"
"""In the environment of a worker: `descriptor:device:inode:locked` for each, separated by spaces."""


def handing(descriptors: Iterable[int]) -> dict[str, str]:
    """The environment variable to add for a process that inherits these descriptors."""
    return {
        HANDED: " ".join(f"{descriptor}:{_file(descriptor)}:{_shown_locked(descriptor)}" for descriptor in descriptors)
    }


def handed_descriptors() -> tuple[int, ...]:
    """The descriptors passed to this process, for a process that it starts to hold them as well."""
    return tuple(int(entry.partition(":")[0]) for entry in os.environ.get(HANDED, "").split())


def require_handed() -> None:
    """Raise RunError unless each descriptor passed to this process is the right file, and locked.

    A process that was passed none, because it was started by hand, say, passes the check.
    """
    for entry in os.environ.get(HANDED, "").split():
        number, _, expected = entry.partition(":")
        try:
            found = f"{_file(int(number))}:{_shown_locked(int(number))}"
        except OSError:
            found = "closed"
        if found != expected:
            raise RunError(
                f"descriptor {number} is not the lock that was passed to this worker, so another run could use its "
                "device or its folder at the same time; start the run again, and if that does not help, look for a "
                "program between iqa-train and its worker that closes descriptors"
            )


def _file(descriptor: int) -> str:
    about = os.fstat(descriptor)
    return f"{about.st_dev}:{about.st_ino}"


def _shown_locked(descriptor: int) -> int:
    """1 if the kernel shows a lock on the open file (Linux 4.1 and later), else 0; some sandboxes show none."""
    try:
        return int("\nlock:" in Path(f"/proc/self/fdinfo/{descriptor}").read_text())
    except FileNotFoundError:
        return 0
