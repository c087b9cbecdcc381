"""Room on the disks, and whether they can be written."""

import os
from collections.abc import Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup, Verdict
from iqa_train.mounts import existing

LOW_BYTES, SCARCE_BYTES = 10 * 10**9, 10**9
"""Free space below which a disk deserves a warning, and below which runs soon fail."""

LOW_FILES, SCARCE_FILES = 10_000, 1_000
"""The same for how many more files the disk can hold."""


def check_disks(folders: dict[str, Path]) -> Iterator[Checkup]:
    """The room on each disk once, and whether the folders, given by their names, can be written or made."""
    disks: dict[int, list[tuple[str, Path]]] = {}
    for words, folder in folders.items():
        there = existing(folder)
        disks.setdefault(there.stat().st_dev, []).append((words, there))
        if not os.access(there, os.W_OK | os.X_OK):
            message = f"{words}: {there} cannot be written"
            yield Checkup("disk-space", "error", message, "correct its permissions, or choose another folder")
    for used in disks.values():
        words, there = ", ".join(words for words, _ in used), used[0][1]
        free = os.statvfs(there)
        space, files = free.f_bavail * free.f_frsize, free.f_favail if free.f_files else None  # 0: no such limit
        verdict: Verdict = "ok"
        if space < LOW_BYTES or (files is not None and files < LOW_FILES):
            verdict = "warning"
        if space < SCARCE_BYTES or (files is not None and files < SCARCE_FILES):
            verdict = "error"
        more = "" if files is None else f", {files:,} inodes free"
        message = f"{words}: {space / 1e9:,.1f} GB free{more} ({there})"
        yield Checkup("disk-space", verdict, message, "" if verdict == "ok" else "make room, or choose another folder")
