"""The time left of a run that has not shown its own speed yet is a guess from others, and marked as one."""

from pathlib import Path

import pytest

from iqa_train.runs.layout import RunFolder
from iqa_train.runs.progress import RunProgress
from iqa_train.scheduler.forecast import Forecast
from iqa_train.scheduler.overview import Row, _with_eta
from iqa_train.scheduler.queue import Item

ITEM = Item("study/A1/s1-0123456789", "A1", 1)
AHEAD = Forecast({ITEM.key: 0.0}, {ITEM.key: 480.0}, complete=True)


@pytest.mark.parametrize(
    ("state", "own", "ahead", "shown"),
    [
        ("starting", None, AHEAD, (480.0, True)),
        ("running", None, AHEAD, (480.0, True)),
        ("running", 77.0, AHEAD, (77.0, False)),
        ("running", None, None, (None, False)),
        ("queued", None, AHEAD, (480.0, False)),
    ],
)
def test_a_run_that_starts_keeps_an_eta(
    state: str, own: float | None, ahead: Forecast | None, shown: tuple[float | None, bool]
) -> None:
    run = RunFolder(Path("runs/study/A1/s1-0123456789"))
    row = Row("study", "A1", 1, state, "", 1, None, RunProgress(seconds_left=own), None, None, run, None, item=ITEM)
    found = _with_eta(row, ahead, guess=False)
    assert (found.eta_s, found.eta_is_guess) == shown
