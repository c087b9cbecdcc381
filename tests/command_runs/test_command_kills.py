"""A user's program under fault: kill -9 of it, its worker, its runner; stops; a script in another language."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_runs.command_project import SCRIPT, STUDY, experiment
from tests.faults.fault_project import FaultyProject, Process, faulty_project

pytestmark = pytest.mark.slow

HOLDING = STUDY + experiment("A1", what="hold") + experiment("A2", what="deaf")
DOCS = Path(__file__).parents[2] / "docs" / "own-scripts.md"


@contextmanager
def _project(folder: Path, study: str = HOLDING) -> Iterator[FaultyProject]:
    with faulty_project(folder, study, real=True) as project:
        shutil.copy(SCRIPT, project.folder / "train.py")
        yield project


def _programs(project: FaultyProject) -> list[Process]:
    """The living processes of scripts."""
    found = []
    for process in project.living():
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        if words[1:2] in ([b"train.py"], [b"train.sh"]):
            found.append(process)
    return found


def _predictions(project: FaultyProject, name: str) -> bytes:
    return (project.run_folder(name) / "predictions-test.csv").read_bytes()


def _epoch_numbers(project: FaultyProject, name: str) -> list[int]:
    return [event["epoch"] for event in project.epochs(name)]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProject]:
    """A1 without any fault."""
    with _project(tmp_path_factory.mktemp("calm")) as project:
        project.let_go()
        project.run("--exp", "A1", "--slots", "1")
        yield project


@pytest.mark.parametrize("victims", [("program",), ("worker",), ("runner",), ("runner", "worker")], ids="+".join)
def test_killed_it_continues_to_the_same_end(tmp_path: Path, calm: FaultyProject, victims: tuple[str, ...]) -> None:
    with _project(tmp_path / "disturbed") as project:
        project.run("--exp", "A1", "--slots", "1", "--detach")
        project.wait_for_worker("A1")
        (program,) = project.wait("its program", lambda: _programs(project))
        for role in victims:
            (victim,) = [program] if role == "program" else project.of_role(role)
            victim.kill()
        if victims == ("runner",):  # the worker works on
            project.let_go()
        else:
            project.wait("the program is gone", lambda: program not in _programs(project))
            project.wait("another attempt", lambda: len(project.attempts("A1")) == 2)
            project.let_go()
        told = project.wait_until_settled()
        assert [row["state"] for row in told["runs"]] == ["completed"]
        assert _epoch_numbers(project, "A1") == _epoch_numbers(calm, "A1") == [1, 2, 3]
        assert _predictions(project, "A1") == _predictions(calm, "A1")
        assert not _programs(project)


def test_stopped_it_saves_and_continues(tmp_path: Path, calm: FaultyProject) -> None:
    with _project(tmp_path / "stopped") as project:
        project.run("--exp", "A1", "--slots", "1", "--detach")
        project.wait_for_worker("A1")
        project.run("stop", "A1")
        (row,) = project.wait_until_settled()["runs"]
        assert (row["state"], row["epoch"]) == ("stopped", 1)
        assert "stopped on request" in row["reason"]
        project.let_go()
        project.run("--exp", "A1", "--slots", "1", "--resume")
        assert _epoch_numbers(project, "A1") == [1, 2, 3]
        assert _predictions(project, "A1") == _predictions(calm, "A1")


def test_a_program_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    with _project(tmp_path / "deaf") as project:
        starter = project.start("--exp", "A2", "--slots", "1")
        project.wait_for_worker("A2")
        (program,) = _programs(project)
        for _ in range(3):  # the third request does not wait for the grace to end
            (runner,) = project.of_role("runner") or [Process("command", starter.pid)]
            os.kill(runner.pid, signal.SIGTERM)
            project.wait("the file of the request", lambda: list(project.folder.rglob("attempt-01/stop")))
        project.wait("the program is gone", lambda: program not in _programs(project))
        starter.communicate(timeout=60)
        (row,) = project.wait_until_settled()["runs"]
        assert row["state"] == "stopped"


def test_the_page_is_enough_for_a_shell_script(tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", DOCS.read_text(), re.DOTALL)
    (table,) = re.findall(r"```toml\n(\[commands.mine\].*?)```", DOCS.read_text(), re.DOTALL)
    head, _, _ = STUDY.partition("[command]")
    defaults = '\n[defaults]\ndataset = "small"\nepochs = 3\n'
    study = head.replace('"Base"', '"Mine"') + defaults + table
    with faulty_project(tmp_path / "shell", study, real=True) as project:
        (project.folder / "train.sh").write_text(script)
        os.environ["EPOCH_SECONDS"] = "600"
        try:
            project.run("--exp", "Mine", "--slots", "1", "--detach")
            project.wait("its script", lambda: _programs(project))
            os.environ["EPOCH_SECONDS"] = "0.01"
            project.run("stop", "Mine")
            (row,) = project.wait_until_settled()["runs"]
            assert "stopped on request" in row["reason"]
            project.run("--exp", "Mine", "--slots", "1", "--resume")
        finally:
            del os.environ["EPOCH_SECONDS"]
        (row,) = project.status()["runs"]
        assert row["state"] == "completed"
        assert _epoch_numbers(project, "Mine") == [1, 2, 3]
        result = json.loads((project.run_folder("Mine") / "result.json").read_text())
        assert result["rounds"][0]["best_epoch"] == 3
        assert result["srcc"] > 0.8
        assert (project.run_folder("Mine") / "predictions-val.csv").exists()
