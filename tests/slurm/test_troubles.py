"""When a run that had a trouble may be submitted again, and when its job may begin."""

import time
from pathlib import Path

from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.slurm.troubles import Troubles, read_troubles

KEY = "small/A1/s42-0123456789"


def _troubles(tmp_path: Path) -> Troubles:
    SlurmFiles(tmp_path).folder.mkdir(exist_ok=True)
    return Troubles(tmp_path, {KEY})


def test_after_a_trouble_a_job_is_submitted_that_begins_later(tmp_path: Path) -> None:
    troubles = _troubles(tmp_path)
    pauses = []
    for _ in range(9):
        troubles.note(KEY, "job 1_0 ended")
        assert troubles.bars(KEY) == ""
        pauses.append(round(troubles.begin(KEY) - time.time()))
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_what_was_refused_waits_for_its_pause_or_for_the_end_of_a_job(tmp_path: Path) -> None:
    troubles = _troubles(tmp_path)
    troubles.note(KEY, "Slurm refused the job", refused=True)
    assert troubles.bars(KEY) == "Slurm refused the job"
    assert troubles.bars(KEY, hurried=True) == ""
    assert troubles.begin(KEY) == 0


def test_only_failures_count_against_the_retries(tmp_path: Path) -> None:
    troubles = _troubles(tmp_path)
    for _ in range(3):
        troubles.note(KEY, "it was not its turn")
    troubles.note(KEY, "job 1_0 ended", retries=1)
    assert troubles.bars(KEY) == ""
    troubles.note(KEY, "job 2_0 ended", retries=1)
    troubles.save()
    assert troubles.bars(KEY, hurried=True) == "job 2_0 ended; iqa-train queue resume submits it again"
    assert read_troubles(tmp_path)[KEY].given_up
    troubles.forgive()
    assert troubles.bars(KEY) == ""
