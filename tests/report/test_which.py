"""Which runs are meant: by the study file, by a name, by what is in the folder."""

import shutil
from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.report.which import Chosen, chosen_runs
from tests.report.finished import STUDY, finish, specs, whole_study, write_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chosen(name: str | None = None, profile: str | None = None) -> Chosen:
    return chosen_runs(Path("runs"), name, None, profile)


def test_the_study_files_own_runs_in_its_order(folder: Path) -> None:
    whole_study(folder)
    found = chosen()
    assert (found.name, found.baseline, found.title) == ("tiny", "Baseline", "Three experiments & <nothing> else")
    assert [run.experiment for run in found.runs] == ["Baseline", "A1", "Hot", "Cold"]
    assert found.notes == ()
    assert chosen("tiny").runs[0].folder == found.runs[0].folder


def test_a_profile_by_its_name_or_by_its_studys(folder: Path) -> None:
    write_study(folder)
    finish(folder, specs(folder, profile="demo")["A1"])
    assert chosen(profile="demo").profile == chosen("tiny-demo").profile == "demo"
    with pytest.raises(UsageError, match="is not the study of --profile demo"):
        chosen("tiny", "demo")


def test_further_seeds_count_and_other_settings_do_not(folder: Path) -> None:
    whole_study(folder)
    finish(folder, specs(folder, seeds=[7])["A1"])
    finish(folder, specs(folder, overrides={"weight_decay": 1e-3})["A1"])
    finish(folder, specs(folder)["A1"].model_copy(update={"experiment": "Gone"}))
    found = chosen()
    assert [run.seed for run in found.runs if run.experiment == "A1"] == [1, 7]
    assert len(found.notes) == 2
    assert "other settings than the study file now" in found.notes[0]
    assert "Gone" in found.notes[1]
    assert "is not in the study file" in found.notes[1]


def test_a_study_without_a_file_is_what_its_folder_holds(folder: Path) -> None:
    whole_study(folder)
    write_study(folder, STUDY.replace('name = "tiny"', 'name = "other"').replace("tiny-demo", "demo"))
    found = chosen("tiny")
    assert found.study is None
    assert [run.experiment for run in found.runs] == ["Baseline", "A1", "Cold", "Hot"]
    assert chosen().notes == ("nothing of other has been run in runs; there are runs of tiny (--study NAME)",)


def test_an_unknown_study_is_answered_with_the_nearest(folder: Path) -> None:
    whole_study(folder)
    with pytest.raises(UsageError, match=r'no study "tinny" .*did you mean "tiny"'):
        chosen("tinny")


def test_a_study_that_is_only_reported(folder: Path) -> None:
    write_study(folder, STUDY.replace('id = "paper"', 'id = "paper"\nstudy = "elsewhere"'))
    found = chosen("elsewhere")
    assert found.runs == ()
    assert "reported elsewhere" in found.notes[0]


def test_without_a_runs_folder(folder: Path) -> None:
    whole_study(folder)
    shutil.rmtree(folder / "runs")
    assert chosen().notes == ("nothing of tiny has been run in runs",)
