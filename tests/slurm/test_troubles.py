"""When a run that had a trouble is submitted again, when its job may begin, and what status says of it."""

import time
from pathlib import Path

from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.slurm.troubles import Troubles, read_troubles
from iqa_train.slurm.reasons import at_clock

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
    assert troubles.bars(KEY, hurried=True) == "job 2_0 ended"
    assert read_troubles(tmp_path)[KEY].given_up
    troubles.forgive()
    assert troubles.bars(KEY) == ""


def test_what_happens_next_is_said(tmp_path: Path) -> None:
    SlurmFiles(tmp_path).folder.mkdir()
    for tries in (1, 2, 3):
        troubles = Troubles(tmp_path, {"a", "b"})
        troubles.note("a", "its set-up failed", retries=2)
        troubles.note("b", "Slurm refused the job", lasting=True)
        troubles.save()
        found = read_troubles(tmp_path)
        again = f"submitted again {at_clock(found['b'].until)}"
        assert found["b"].next_words == again and found["b"].until > time.time()
        if tries < 3:
            assert found["a"].next_words == f"submitted again {at_clock(found['a'].until)}, try {tries + 1} of 3"
    assert found["a"].next_words == "given up after try 3; iqa-train queue resume submits it again"
