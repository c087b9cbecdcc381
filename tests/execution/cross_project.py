"""The small study with two further data sets that it is not trained on."""

import csv
import shutil
from pathlib import Path

from tests.conftest import STUDY, Project, write_small_study

OTHERS = """
[datasets.other]
csv = "scores.csv"
score_range = [0, 10]

[datasets.third]
path = "data/other"
csv = "scores.csv"
score_range = [0, 10]
higher_is_better = false
"""


def with_others(folder: Path, study: str = STUDY) -> Project:
    """The small study, and two more sets of the same pictures under other names."""
    project = write_small_study(folder, study + OTHERS)
    other = folder / "data" / "other"
    shutil.copytree(folder / "data" / "small" / "images", other / "pictures")
    rows = [(f"pictures/{k:02}.png", round(9 - 0.7 * (k % 12) + 0.01 * k, 2)) for k in range(48)]
    with (other / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "score"), *rows])
    return project
