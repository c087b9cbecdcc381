"""Why a run could not be submitted, and what status says happens next."""

import time
from pathlib import Path

from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.slurm.troubles import Troubles, read_troubles
from iqa_train.slurm.reasons import at_clock


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
