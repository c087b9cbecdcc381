"""A whole session in tmux: start the demo, look at logs, search, stop, relaunch, leave, come back, see the verdicts."""

import json
import os
import re
from pathlib import Path

import pytest

from iqa_train.runs.state_names import OPEN
from tests.conftest import Project
from tests.tui.terminal.consoles import Make
from tests.tui.terminal.tmux_terminal import Tmux, tmux

ROOT = Path(__file__).parents[3]
NUMBERS = {"Baseline": 1, "A1": 2, "A2": 3, "B1": 4, "B2": 5}


@pytest.mark.slow
def test_a_study_is_carried_out_by_keys_alone(make: Make) -> None:
    project = make(behaviour="B1=hold", seconds=0.1)
    with tmux(project.folder, project.environment()) as terminal:
        terminal.start("--demo", "--slots", "2")
        terminal.see(r"Baseline .*(running|completed)")
        terminal.see(r"B1 +.*running")
        for name, number in NUMBERS.items():
            terminal.keys(str(number))
            terminal.see(rf"▸ +(?:{number} +)?{name}")
        terminal.keys("2")
        terminal.see("A1: a stand-in")
        terminal.keys("Tab", "/")
        terminal.see("text or pattern")
        terminal.keys("stand-in", "Enter")
        terminal.see(r"/stand-in +1/1")
        terminal.keys("4")
        terminal.see(r"▸ +(?:4 +)?B1")
        terminal.keys("x")
        terminal.see(r"Stop B1 \(seed 42\)")
        terminal.keys("Enter")
        terminal.see(r"B1 +■ stopped")
        project.let_go()
        terminal.keys("R")
        terminal.see("Relaunch B1")
        terminal.keys("Enter")
        terminal.see(r"B1 +.*(running|completed)")
        terminal.keys("q")
        said = terminal.see(r"ready\$\s*\Z")
        assert re.search(r"with iqa-tui|Nothing is running", said)
        terminal.start("--demo")
        terminal.see(r"5/5 done")
        terminal.see(r"A1 .*[+-]0\.\d+ \[")
        terminal.keys("q")
        assert "Nothing is running" in terminal.see(r"ready\$\s*\Z")
    project.wait("nothing goes on", lambda: not project.of_role("worker"))
    assert [row["state"] for row in project.status("--study", "small")["runs"]] == ["completed"] * 5
    assert len(project.attempts("B1")) == 2


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (2, 1)], ids=str)
def test_a_terminal_of_any_size_will_do(make: Make, size: tuple[int, int]) -> None:
    project = make()
    with tmux(project.folder, project.environment(), (100, 30)) as terminal:
        terminal.start("--readonly")
        terminal.see("Baseline")
        terminal.resize(*size)
        terminal.keys("j", "z", "z", "v", "v")
        terminal.resize(100, 30)
        terminal.see(r"A1")
        terminal.keys("q")
        assert "Traceback" not in terminal.see(r"ready\$\s*\Z")


@pytest.mark.slow
def test_the_demo_from_its_first_second_to_the_verdicts(tmp_path: Path) -> None:
    """With the real trainer and three of its five epochs: nothing here is a stand-in."""
    project = Project(tmp_path)
    whole = (ROOT / "experiments.toml").read_text()
    assert whole.count("\nepochs = 5\n") == 1
    (tmp_path / "experiments.toml").write_text(whole.replace("\nepochs = 5\n", "\nepochs = 3\n"))
    environment = project.environment() | {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(tmp_path / "cache"))}
    with tmux(tmp_path, environment, (80, 24)) as terminal:
        terminal.start("--demo", "--slots", "2")
        try:
            _follow_the_demo(terminal)
        finally:
            _stop_all(project)


def _follow_the_demo(terminal: Tmux) -> None:
    terminal.see(r"Baseline +.*running", 120)
    for number, name in ("1", "Baseline"), ("2", "A1"):
        terminal.keys(number)
        terminal.see(rf"▸ +(?:{number} +)?{name}")
        terminal.see(rf"{name} · FOLLOW")
    terminal.see(r"(?m)^1 +\d+\.\d", 300)
    terminal.keys("x")
    terminal.see(r"Stop A1 \(seed 42\)")
    terminal.keys("Enter")
    terminal.see(r"A1 +■ stopped", 90)
    terminal.keys("R")
    terminal.see("Relaunch A1")
    terminal.keys("Enter")
    terminal.see(r"A1 +.*(running|starting|queued)", 60)
    terminal.keys("q")
    assert "in the background. Reopen" in terminal.see(r"ready\$\s*\Z")
    terminal.start("--demo")
    terminal.see("5/5 done", 1800)
    terminal.see(r"A2 .*(runs differ: A2|runs not distinguished)", 120)
    terminal.keys("q")
    terminal.see(r"ready\$\s*\Z")


def _stop_all(project: Project) -> None:
    left = json.loads(project.run("status", "--json").stdout)["runs"]
    if any(row["state"] in OPEN for row in left):
        project.run("stop", "--all")
