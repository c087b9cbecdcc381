"""On a file server where other hosts replace files: what is gone between opening and reading is read again."""

from pathlib import Path

import pytest

from tests.false_host import false_host
from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_same_results, assert_undoubled

pytestmark = pytest.mark.slow


def test_a_study_whose_files_go_stale_while_they_are_read(
    make: Make, undisturbed_stand_ins: FaultyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make()
    monkeypatch.setenv("LD_PRELOAD", false_host(tmp_path))
    monkeypatch.setenv("FAKE_STALE", f"{project.folder.resolve()}/runs")
    project.run("--all", "--slots", "2")
    assert {row["state"] for row in project.status()["runs"]} == {"completed"}
    assert_undoubled(project)
    shown = project.run("results", "--json").stdout
    monkeypatch.delenv("LD_PRELOAD")
    assert project.run("results", "--json").stdout == shown
    assert_same_results(project, undisturbed_stand_ins)
