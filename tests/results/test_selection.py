"""Selection of runs: by the study file, by a name, by the contents of the runs folder."""

import json
import shutil
from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.report.collect import results_of
from iqa_train.report.run_page.page import StudyContext, about_run
from iqa_train.results.run_record import record
from iqa_train.results.selection import RunSelection, chosen_runs
from iqa_train.runs.revision import earlier_run
from iqa_train.runs.specfile import read_spec
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.relaunch import require_ended
from iqa_train.study.spec import RunSpec
from tests.report.finished import STUDY, finish, specs, whole_study, write_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chosen(name: str | None = None, profile: str | None = None) -> RunSelection:
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


def test_an_edit_of_own_code_is_named_as_what_sets_a_run_apart(folder: Path) -> None:
    own = STUDY.replace("set = { lr = 1e-5 }", 'set = { loss_type = "own.py:f" }')
    write_study(folder, own)
    code = folder / "own.py"
    code.write_text("import parts\ndef f(predicted, scores): ...\n")
    (folder / "parts.py").write_text("")
    finish(folder, specs(folder)["Baseline"])
    finish(folder, specs(folder)["Hot"])
    finish(folder, specs(folder, overrides={"weight_decay": 1e-3})["Hot"])
    assert [note.partition(") ")[2] for note in chosen().notes] == ["has other settings than the study file now"]
    (folder / "parts.py").write_text("# better")
    assert {note.partition(") ")[2] for note in chosen().notes} == {
        "has other settings than the study file now",
        "was trained before parts.py changed; it counts again if that is undone",
    }
    (folder / "parts.py").write_text("")
    assert len(chosen().notes) == 1


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
    assert chosen().notes == ("no run of other in runs has been started; there are runs of tiny (--study NAME)",)


def test_an_unknown_study_is_answered_with_the_nearest(folder: Path) -> None:
    whole_study(folder)
    with pytest.raises(UsageError, match=r'no study "tinny" .*did you mean "tiny"'):
        chosen("tinny")


def test_a_study_that_is_only_reported(folder: Path) -> None:
    write_study(folder, STUDY.replace('id = "paper"', 'id = "paper"\nstudy = "elsewhere"'))
    found = chosen("elsewhere")
    assert found.runs == ()
    assert "all values are reported" in found.notes[0]


def test_without_a_runs_folder(folder: Path) -> None:
    whole_study(folder)
    shutil.rmtree(folder / "runs")
    assert chosen().notes == ("no run of tiny in runs has been started",)


def of_revision_1(folder: Path, **choice: object) -> dict[str, RunSpec]:
    return {name: spec.model_copy(update={"revision": 1}) for name, spec in specs(folder, **choice).items()}


LABEL = "trained by an earlier revision of the network and losses"


def test_what_an_earlier_revision_trained_is_shown_and_labelled(folder: Path) -> None:
    write_study(folder)
    for spec in of_revision_1(folder).values():
        finish(folder, spec)
    found = chosen()
    assert [run.experiment for run in found.runs] == ["Baseline", "A1", "Hot", "Cold"]
    assert all(run.state.finished for run in found.runs)
    assert all(LABEL in run.notes for run in found.runs)
    rows = results_of(found, "srcc", resamples=0).rows
    assert all(LABEL in row.notes for row in rows if not row.reported)
    sections = about_run(found.runs[0].folder, StudyContext(found.study))
    assert LABEL in " ".join(cell for line in sections[0].lines for cell in line.cells)


def test_it_never_counts_beside_runs_of_this_revision(folder: Path) -> None:
    write_study(folder)
    for spec in of_revision_1(folder).values():
        finish(folder, spec)
    finish(folder, specs(folder)["A1"])
    found = chosen()
    assert [run.experiment for run in found.runs if run.folder.attempts()] == ["A1"]
    assert not any(LABEL in note for run in found.runs for note in run.notes)
    old = [note for note in found.notes if note.endswith(f") was {LABEL}")]
    assert [note.split()[2] for note in old] == ["A1", "Baseline", "Cold", "Hot"]


def test_further_seeds_of_an_earlier_revision_count_with_it(folder: Path) -> None:
    write_study(folder)
    finish(folder, of_revision_1(folder, seeds=[7])["A1"])
    found = chosen()
    assert [(run.experiment, run.seed) for run in found.runs if run.folder.attempts()] == [("A1", 7)]
    assert [run.notes for run in found.runs if run.folder.attempts()] == [(LABEL,)]


def test_a_specification_of_before_revisions_says_the_first(folder: Path) -> None:
    write_study(folder)
    spec = of_revision_1(folder)["A1"]
    run = finish(folder, spec)
    document = json.loads(run.spec.read_text())
    del document["revision"]
    run.spec.write_text(json.dumps(document))
    assert read_spec(run) == spec
    assert spec.config_hash != specs(folder)["A1"].config_hash
    assert record(document, run).spec["revision"] == 1
    assert earlier_run(specs(folder)["A1"], folder / "runs") == run


def test_it_has_no_further_attempt(folder: Path) -> None:
    write_study(folder)
    run = finish(folder, of_revision_1(folder)["A1"])
    (row,) = read_overview(folder / "runs").rows
    assert row.run == run
    with pytest.raises(
        UsageError, match=f"A1 .* was {LABEL} and cannot be continued; start A1 again, as a run of its own"
    ):
        require_ended(row, again=True)
