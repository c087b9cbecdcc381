"""A run that is run again, by real processes: what `results` and `status` say meanwhile, and after it is stopped."""

import json
from pathlib import Path

import pytest

from tests.faults.fault_project import faulty_project

pytestmark = pytest.mark.slow


def test_a_finished_study_stays_as_it_is_while_its_baseline_is_run_again_and_after_that_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NOISE", "A1=14,*=10")
    with faulty_project(tmp_path / "project", behaviour="Baseline=hold@2") as project:
        project.run("--all", "--slots", "2")

        def rows() -> dict[str, dict[str, object]]:
            found = json.loads(project.run("results", "--json").stdout)["rows"]
            told = ("value", "interval", "delta", "delta_interval", "p", "distinguishable", "provisional", "epoch")
            return {row["experiment"]: {name: row[name] for name in told} for row in found}

        before, listed = rows(), project.row("Baseline")
        project.run("--exp", "Baseline", "--again", "--detach", "--slots", "1")
        project.wait("it is in its second epoch", lambda: project.row("Baseline")["epoch"] == 1)
        assert rows() == before
        now = project.row("Baseline")
        assert (now["state"], now["epoch"], now["srcc"], now["again"]) == ("running", 1, listed["srcc"], True)
        text = project.run("results", "--format", "markdown").stdout
        assert "is being run again: its finished attempt 1 counts until then" in text
        assert "@" not in text and "epoch" not in text
        project.run("stop", "Baseline")
        project.let_go()
        assert rows() == before
        assert "was started over in vain: its finished attempt 1 counts" in project.run("results").stdout.replace(
            "\n    ", " "
        )
        kept = project.attempts("Baseline")[0]
        assert (kept / "result.json").exists()
