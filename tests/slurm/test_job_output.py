"""What is quoted of a job that ended before it began its run."""

import os
from pathlib import Path

import pytest

from iqa_train.scheduler.slurm.job_output import last_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n\n", ""),
        ("first\niqa-train: setup failed with exit status 127: x\n\n", "setup failed with exit status 127: x"),
        ("a\n\x1b[2Jb\n", "\\u001b[2Jb"),
        ("clone of https://me:secret@host.example/x failed", "clone of https://***@host.example/x failed"),
        ("x" * 9000, "x" * 197 + "..."),
    ],
)  # fmt: skip
def test_it_is_the_last_line_that_says_something(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "1_0.out").write_text(text)
    assert last_line(tmp_path / "1_0.out") == line


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1_0.out")
    assert last_line(tmp_path / "1_0.out") == "" == last_line(tmp_path / "none")
