"""The small study with two further data sets that it is not trained on, and such a study when it has run."""

import csv
import shutil
from dataclasses import dataclass
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

ONE_EPOCH = STUDY.replace("epochs = 3", "epochs = 1")
ADDED = ("predictions-other.csv", "predictions-third.csv", "tested-other.json", "tested-third.json")
"""What tests on the two sets leave in a run's folder."""


@dataclass(frozen=True)
class Crossed:
    """Baseline and A1 trained for an epoch and tested on both other sets; not to be written to. What they said."""

    project: Project
    said: dict[str, str]

    def copy(self, to: Path, *, tested: bool = True) -> Project:
        """A copy to write to; without `tested`, as it would be had nothing been tested across."""
        shutil.copytree(self.project.folder, to)
        copy = Project(to)
        for name in () if tested else self.said:
            for file in ADDED:
                (copy.run_folder(name) / file).unlink()
        return copy


def cross_in(folder: Path) -> None:
    """Train and test them."""
    project = with_others(folder, ONE_EPOCH)
    across = ("--cross_datasets", "other,third,small")  # the set that is trained on is tested on anyway
    for name in ("Baseline", "A1"):
        (folder / f"said-{name}.txt").write_text(project.run("--exp", name, *across).stdout)


def crossed_of(folder: Path) -> Crossed:
    """What `cross_in` has made there."""
    return Crossed(Project(folder), {name: (folder / f"said-{name}.txt").read_text() for name in ("Baseline", "A1")})


def with_others(folder: Path, study: str = STUDY) -> Project:
    """The small study, and two more sets of the same pictures under other names."""
    project = write_small_study(folder, study + OTHERS)
    other = folder / "data" / "other"
    shutil.copytree(folder / "data" / "small" / "images", other / "pictures")
    rows = [(f"pictures/{k:02}.png", round(9 - 0.7 * (k % 12) + 0.01 * k, 2)) for k in range(48)]
    with (other / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "score"), *rows])
    return project
