"""However the console ends, runs continue, the terminal is restored, and the next console shows the true state."""

import os
import signal
import subprocess
import time

import pytest

from tests.faults.fault_project import FaultyProject, assert_true_state, assert_undoubled
from tests.tui.terminal.consoles import PROGRAM, Console, Make, console

LEAVES_SCREEN = b"\x1b[?1049l"
SHOWS_CURSOR = b"\x1b[?25h"


def _watched(project: FaultyProject, *words: str) -> Console:
    return Console(project.folder, project.environment(), *words)


def _running(project: FaultyProject) -> None:
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("Baseline")


@pytest.mark.parametrize(
    "way", ["kill", *(pytest.param(w, marks=pytest.mark.slow) for w in ("hang up", "terminate", "leave"))]
)
def test_runs_continue_and_the_next_console_shows_them(make: Make, way: str) -> None:
    project = make(behaviour="Baseline=hold", seconds=0.05)
    _running(project)
    first = _watched(project)
    try:
        first.see("running")
        if way == "leave":
            first.type("q")
            assert first.end() == 0
            assert "in the background. Reopen" in first.text
        elif way == "hang up":
            first.hang_up()
            first.process.wait(timeout=20)
        else:
            os.kill(first.process.pid, signal.SIGKILL if way == "kill" else signal.SIGTERM)
            first.end()
        if way in {"leave", "terminate"}:
            assert first.settings_are_as_before()
            assert LEAVES_SCREEN in first.written
            assert SHOWS_CURSOR in first.written
        assert "Traceback" not in first.text
        assert_true_state(project)
        assert project.row("Baseline")["state"] == "running"
        with console(project.folder, project.environment(), "--readonly") as second:
            second.see(r"Baseline.*running")
            project.let_go()
            second.see("5/5 done", 60)
            second.type("q")
            assert second.end() == 0
    finally:
        first.close()
    assert {(row["state"], row["attempt"]) for row in project.wait_until_settled()["runs"]} == {("completed", 1)}
    assert_undoubled(project)


@pytest.mark.slow
def test_two_watch_one_study(make: Make) -> None:
    """What the one does, the other shows."""
    project = make(behaviour="Baseline=hold,A1=hold", seconds=0.05)
    _running(project)
    with (
        console(project.folder, project.environment()) as one,
        console(project.folder, project.environment(), "--readonly") as other,
    ):
        one.see("Baseline.*running")
        other.see("Baseline.*running")
        one.type("x")
        one.see(r"Baseline \(seed 42\)")
        one.type("\r")
        other.see("stopped")
        one.see("stopped")
        os.kill(one.process.pid, signal.SIGKILL)
        since = len(other.written)
        project.let_go()
        other.see("completed", since=since)
    assert project.row("Baseline")["state"] == "stopped"


def test_the_state_is_shown_soon_after_the_first_picture(make: Make) -> None:
    """The figure is a benchmark's (bench_console.truth); this holds it to be seconds and not minutes."""
    project = make(behaviour="*=hold", seconds=0.05)
    _running(project)
    with console(project.folder, project.environment()) as watched:
        watched.wait("a first picture", lambda: watched.written)
        painted = time.monotonic()
        watched.see("running", 20)
        assert time.monotonic() - painted < 15


def test_without_a_terminal_it_says_what_to_use_instead(make: Make) -> None:
    project = make()
    done = subprocess.run(
        PROGRAM, cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "iqa-train status --watch" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["c", "\r", "s", "e", "R", "?"])
def test_left_while_a_screen_is_being_built(make: Make, keys: str) -> None:
    project = make(seconds=0.02)
    project.run("--all", "--slots", "2")
    for _ in range(3):
        with console(project.folder, project.environment()) as watched:
            watched.see("5/5 done")
            watched.type(f"{keys}\x11")  # ctrl+q on its heels
            assert watched.end() == 0
            assert "Nothing is running." in watched.text
            assert "Traceback" not in watched.text
