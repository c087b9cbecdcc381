"""All findings together, and what `iqa-train doctor` loads to get them."""

import subprocess
import sys
from pathlib import Path

from iqa_train.doctor.check_result import CheckScope
from iqa_train.files import write_json
from iqa_train.runs.layout import QueueFiles
from tests.doctor.checkup_world import ROOT, found, ills, queue, the


def test_an_empty_project_is_well_and_looking_makes_nothing(where: CheckScope, tmp_path: Path) -> None:
    assert ills(where) == []
    assert the(where, "study").verdict == "note"
    assert list(tmp_path.iterdir()) == []
    where.runs_dir.mkdir()
    where.logs_dir.mkdir()
    assert ills(where) == []
    assert set(tmp_path.rglob("*")) == {where.runs_dir, where.logs_dir}


def test_what_is_loaded(tmp_path: Path) -> None:
    code = "import sys, iqa_train.cli.commands.doctor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "pydantic", "numpy", "textual", "pynvml"} & set(done.stdout.split())


def test_content_that_no_version_writes_stops_no_check(where: CheckScope) -> None:
    queue(where, "A1")
    write_json(QueueFiles(where.runs_dir).scheduler, {"host": "elsewhere", "troubles": [], "scheduler": {"pid": 9}})
    assert "1 run waiting" in the(where, "queue").message
    assert the(where, "state-files").message.endswith("scheduler.json is damaged (troubles cannot be [])")
    assert found(where, "clock")


def test_versions(where: CheckScope) -> None:
    checkup = the(where, "versions")
    assert (checkup.verdict, "torch 2." in checkup.message) == ("note", True)
