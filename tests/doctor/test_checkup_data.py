"""The study file, its data and its cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from iqa_train.doctor.run_checks import checkups
from iqa_train.errors import UsageError
from tests.conftest import Project
from tests.doctor.checkup_world import found, mounts, put, the


def test_all_there_and_some_missing(where: CheckScope, project: Project) -> None:
    told = the(where, "data-set")
    assert (told.verdict, "48 images" in told.message) == ("ok", True)
    assert the(where, "study").message.endswith("3 experiments")
    for name in ("03", "17"):
        (project.folder / f"data/small/images/{name}.png").unlink()
    told = the(where, "data-set")
    assert (told.verdict, "2 of the 48 images listed are missing" in told.message) == ("error", True)
    (project.folder / "data/small/scores.csv").unlink()
    assert the(where, "data-set").verdict == "error"


def test_study_files_that_are_not_there_or_not_valid(where: CheckScope, tmp_path: Path) -> None:
    named = replace(where, study=tmp_path / "mine.toml")
    assert (the(named, "study").verdict, "no such study file" in the(named, "study").message) == ("error", True)
    put(tmp_path / "mine.toml", "[study]\nname = 3\nother = 4\n")
    checkup = the(named, "study")
    assert (checkup.verdict, "more)" in checkup.message) == ("error", True)
    assert "iqa-train check" in checkup.cure
    assert found(named, "data-set") == []


def test_the_demo_set_is_made_when_it_is_wanted(where: CheckScope) -> None:
    checkup = the(replace(where, profile="demo"), "data-set")
    assert (checkup.verdict, checkup.cure) == ("note", "the first run makes it")
    with pytest.raises(UsageError):
        checkups(replace(where, profile="none"))


def test_the_cache_of_the_study_is_the_one_that_counts(where: CheckScope, project: Project) -> None:
    text = (project.folder / "experiments.toml").read_text()
    put(project.folder / "experiments.toml", text.replace("epochs = 3", 'epochs = 3\ncache_dir = "big"', 1))
    (project.folder / "big").mkdir()
    mounts(where, f"{project.folder}/big nfs4 rw")
    assert the(where, "file-system").verdict == "warning"
