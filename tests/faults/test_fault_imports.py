"""Imports of predictions that are killed at any moment, or made by two processes at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iqa_train.cli.commands.import_predictions import main
from iqa_train.runs.layout import RunFolder, run_folders
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import run_state
from tests.cli.finished_set import ELSEWHERE, HARD, csv_of, make_set

pytestmark = pytest.mark.slow
NEW = ("--exp", "Rival", "--trained-on", "KADID-10k")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_set(tmp_path)
    csv_of(tmp_path / "q.csv", ELSEWHERE)
    csv_of(tmp_path / "other.csv", ELSEWHERE + HARD)
    return tmp_path


def importing(file: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "iqa_train.cli.main", "import-predictions", file, *NEW, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def complete(run: RunFolder) -> bool:
    """Whether all documents of a finished run are there, and agree."""
    table = read_predictions(run.round(1, 1).predictions("test"))
    result = json.loads(run.result.read_text())
    facts = json.loads(run.provenance.read_text())["external"]
    return (
        run_state(run).finished
        and read_spec(run).external == "KADID-10k"
        and result["images"]["test"] == len(table.images) == facts["images"]
    )


@pytest.mark.parametrize("steps", [0, 1, 3, 6])
def test_killed_at_any_moment_there_is_a_whole_run_or_none(steps: int) -> None:
    process = importing("q.csv")
    seen: set[str] = set()
    while process.poll() is None and len(seen) <= steps:  # killed once so many of its files have appeared
        seen |= {name for _, _, names in os.walk("runs") for name in names}  # of folders that come and go, too
        time.sleep(0.0002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert all(complete(run) for run in run_folders(Path("runs")))
    assert main(["q.csv", *NEW]) == 0
    (run,) = run_folders(Path("runs"))
    assert complete(run)
    assert not list(run.path.parent.glob(".import-*"))


def test_killed_while_predictions_are_replaced_the_next_import_completes_it() -> None:
    main(["q.csv", *NEW])
    (run,) = run_folders(Path("runs"))
    process = importing("other.csv", "--again")
    while process.poll() is None and len(run.attempts()) == 1:
        time.sleep(0.0002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert main(["other.csv", *NEW, "--again"]) == 0
    assert complete(run)
    facts = json.loads(run.provenance.read_text())["external"]
    assert Path(facts["file"]).name == "other.csv"
    kept = read_predictions(run.attempts()[0].folder / "predictions-test.csv")
    assert sorted(kept.predictions) == sorted(ELSEWHERE[::4])


def test_two_at_once_make_one_run() -> None:
    both = [importing("q.csv"), importing("q.csv"), importing("other.csv")]
    ended = [(process.communicate()[0], process.returncode) for process in both]
    (run,) = run_folders(Path("runs"))
    assert complete(run)
    assert len(run.attempts()) == 1
    assert sorted(code for _, code in ended) in ([0, 0, 2], [0, 2, 2])
    assert sum(": imported as " in out for out, _ in ended) == 1
