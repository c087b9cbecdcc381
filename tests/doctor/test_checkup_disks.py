"""Room on real disks, large and small."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import found, the
from tests.small_disk import small_disk


def test_little_room(where: CheckScope, tmp_path: Path) -> None:
    with small_disk(where.runs_dir, 512):
        checkup = next(c for c in found(where, "disk-space") if c.message.startswith("runs: "))
    assert checkup.verdict == "error"
    assert "0.0 GB free" in checkup.message
    assert "make room" in checkup.cure


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("size=20g,nr_inodes=50k", "ok"), ("size=5g", "warning"), ("size=20g,nr_inodes=5k", "warning"),
        ("size=20g,nr_inodes=50", "error"), ("size=20g,ro", "error"),
    ],
)  # fmt: skip
def test_bytes_and_files(where: CheckScope, options: str, verdict: str) -> None:
    with mounted(where.logs_dir, options):
        told = [c for c in found(where, "disk-space") if c.message.startswith("logs: ")]
    assert verdict in {c.verdict for c in told}
    assert any("cannot be written" in c.message for c in told) is ("ro" in options)


def test_one_disk_is_reported_once(where: CheckScope) -> None:
    assert the(where, "disk-space").message.startswith("runs, logs, pixel cache: ")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
