"""Which lines of a log `}` stops at."""

import pytest

from iqa_tui.logview.landmarks import RESULT


@pytest.mark.parametrize(
    "line",
    [
        "10\t3.912 (L1:3.80,Rank:0.11)\t0.9712\t0.9378\t0.9485",
        "10\t3.912(L1: 3.80, Rank: 0.11)\t\t0.9712\t\t0.9378\t\t0.9485",
        "10\t3.912\t\t0.9712\t\t0.9378\t\t0.9485",
        "  10      3.912   0.9712   0.9378   0.9485  ",
        "10\t3.912e+00\t9.712e-01\t9.378e-01\t9.485e-01",
        "10\t3,912\t0,9712\t0,9378\t0,9485",
        "10\tinf\tnan\tnan\tnan",
        "2025-11-28 10:00:00,123 INFO 10\t3.912 (L1:3.80,Rank:0.11)\t0.9712\t0.9378\t0.9485",
        "0: 10\t3.912\t0.9712\t0.9378\t0.9485",
        "Best test SRCC 0.937800, PLCC 0.948500",
    ],
)
def test_results_of_epochs(line: str) -> None:
    assert RESULT.matches(line)


@pytest.mark.parametrize(
    "line",
    [
        "Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC", "  Total batches: 4404", "10 epochs (about 3.5 hours)",
        "2025-11-28 10:00:00,123 INFO Patience: 5", "(1.5) (2.5) (3.5)", "10 (1.0) (2.0) (3.0)",
    ],
)  # fmt: skip
def test_other_lines(line: str) -> None:
    assert not RESULT.matches(line)
