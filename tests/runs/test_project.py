"""Documents name their project from the runs folder, so that one that is moved or copied takes its runs along."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.layout import Attempt
from iqa_train.runs.project import data_record, data_root, inside, project_of, recorded


@pytest.mark.parametrize("runs", ["runs", "out/runs"])
def test_a_project_is_found_from_its_runs_wherever_it_is(tmp_path: Path, runs: str) -> None:
    (tmp_path / "one" / runs).mkdir(parents=True)
    name = recorded(tmp_path / "one", tmp_path / "one" / runs)
    assert not Path(name).is_absolute()
    (tmp_path / "one").rename(tmp_path / "two")
    assert project_of(name, tmp_path / "two" / runs) == tmp_path / "two"


def test_a_runs_folder_elsewhere_names_the_project_in_full(tmp_path: Path) -> None:
    project, shared = tmp_path / "project", tmp_path / "shared"
    for folder in (project / "runs", shared):
        folder.mkdir(parents=True)
    name = recorded(project, shared)
    assert project_of(name, shared) == project  # though it has a runs folder of its own
    assert Path(recorded(Path("/"), tmp_path / "shared")) == Path("/")


def test_a_runs_folder_that_is_a_link_names_the_project_in_full(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "project" / "runs").symlink_to(tmp_path / "disk")
    name = recorded(tmp_path / "project", tmp_path / "project" / "runs")
    assert (
        project_of(name, tmp_path / "disk") == project_of(name, tmp_path / "project" / "runs") == tmp_path / "project"
    )


@pytest.mark.parametrize("runs", ["runs", "out/runs"])
@pytest.mark.parametrize("how", ["moved", "copied", "in place"])
def test_whole_paths_of_earlier_versions(tmp_path: Path, runs: str, how: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / runs).mkdir(parents=True)
    if how == "moved":
        old.rename(new)
    elif how == "copied":
        shutil.copytree(old, new)
    project = old if how == "in place" else new
    found = project_of(str(old), project / runs, early=True)
    beside = (project / runs).parent
    assert found == (beside if how == "moved" else project)


def test_an_early_runs_folder_elsewhere_keeps_its_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "shared").mkdir()
    assert project_of(str(tmp_path / "project"), tmp_path / "shared", early=True) == tmp_path / "project"


@given(st.lists(st.sampled_from(["a", "b", "..", "."]), max_size=4))
def test_inside_names_the_same_file(parts: list[str]) -> None:
    project = Path("/home/ada/project")
    path = project.joinpath(*parts, "x.log")
    assert os.path.normpath(project / inside(path, project)) == os.path.normpath(path)


def test_the_folder_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one" / "runs").mkdir(parents=True)
    (tmp_path / "one" / "data" / "small").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    here, far = (data_record(root, Path("runs")) for root in (Path("data/small"), tmp_path / "disk"))
    assert here == {"project": "..", "root": "data/small"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    assert data_root(here, tmp_path / "two" / "runs") == tmp_path / "two" / "data" / "small"
    assert data_root(far, tmp_path / "two" / "runs") == tmp_path / "disk"
    assert data_root({"root": "/elsewhere"}, tmp_path / "two" / "runs") == Path("/elsewhere")
    assert data_root({"root": 5}, tmp_path) is data_root({}, tmp_path) is None


@pytest.mark.parametrize("early", [False, True])
def test_the_log_of_a_project_that_was_moved_or_copied(tmp_path: Path, *, early: bool) -> None:
    project = tmp_path / "one"
    attempt = project / "runs/small/A1/s42-0123456789/attempt-01"
    attempt.mkdir(parents=True)
    (project / "logs").mkdir()
    (project / "logs" / "a.log").touch()
    facts = (
        {"cwd": str(project), "log": "logs/a.log"} if early else {"cwd": "..", "log": "logs/a.log", "environment": {}}
    )
    (attempt / "runner.json").write_text(json.dumps(facts))
    shutil.copytree(project, tmp_path / "copy")
    copied = Attempt(tmp_path / "copy" / attempt.relative_to(project))
    assert log_of(copied) == tmp_path / "copy/logs/a.log"
    project.rename(tmp_path / "two")
    assert log_of(Attempt(tmp_path / "two" / attempt.relative_to(project))) == tmp_path / "two/logs/a.log"
