"""A job waits for a file that its node sees late."""

import threading
from pathlib import Path

import pytest

from iqa_train.errors import RunError
from iqa_train.scheduler.slurm.job import awaited_submission
from iqa_train.scheduler.slurm.submissions import new_submission, save


def test_a_submission_that_is_visible_late(tmp_path: Path) -> None:
    submission = new_submission([["small/A1/s42-0123456789"]], {"small/A1/s42-0123456789": 0}, {}, 1, "batches")
    threading.Timer(0.3, lambda: save(submission, tmp_path)).start()
    assert awaited_submission(tmp_path, submission.token) == submission


def test_one_that_is_never_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not there after 0 s: the runs folder is not on a file system"):
        awaited_submission(tmp_path, "token", 0.0)
