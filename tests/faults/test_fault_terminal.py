"""The terminal of `iqa-train --all` is closed, or the command killed: what it asked for is done all the same."""

import fcntl
import os
import random
import signal
import subprocess
import termios
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import PROGRAM
from tests.faults.conftest import Make
from tests.faults.fault_project import (
    FIVE,
    FaultyProject,
    assert_same_results,
    assert_true_state,
    assert_undoubled,
    faulty_project,
)

WAYS = ("hang up", "kill", "terminate")


class Terminal:
    """A pseudo-terminal with the command in its foreground."""

    def __init__(self, project: FaultyProject, *words: str) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (30, 120))
        self.command = subprocess.Popen(
            ["env", "--default-signal=INT,HUP", *PROGRAM, *words],
            cwd=project.folder, env=project.environment() | {"TERM": "xterm"}, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        self.shown = b""

    def look(self) -> bytes:
        """All it has shown until now."""
        while True:
            try:
                block = os.read(self._master, 1 << 16)
            except OSError:
                return self.shown
            if not block:
                return self.shown
            self.shown += block

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ends_within(self, seconds: float) -> bool:
        """Whether the command ends by itself, its terminal being read meanwhile."""
        deadline = time.monotonic() + seconds
        while self.command.poll() is None and time.monotonic() < deadline:
            self.look()
            time.sleep(0.05)
        return self.command.poll() is not None

    def end(self, way: str) -> None:
        """Close the terminal under it, or kill it."""
        if way == "hang up":
            os.close(self._master)
        else:
            self.command.send_signal(signal.SIGKILL if way == "kill" else signal.SIGTERM)
        self.command.wait(timeout=60)
        if way != "hang up":
            os.close(self._master)


@pytest.mark.parametrize("way", WAYS[:2])
def test_the_study_continues(make: Make, undisturbed_stand_ins: FaultyProject, way: str) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    terminal = Terminal(project, "--all", "--slots", "2")
    project.wait("the table", lambda: b"running" in terminal.look())
    terminal.end(way)
    assert_true_state(project)
    project.let_go()
    told = project.wait_until_settled()
    assert {(row["state"], row["attempt"]) for row in told["runs"]} == {("completed", 1)}
    assert_undoubled(project)
    assert_same_results(project, undisturbed_stand_ins)


def test_ctrl_c_typed_at_the_terminal_stops_it(make: Make) -> None:
    project = make(seconds=0.3)
    terminal = Terminal(project, "--all", "--slots", "2", "--epochs", "100000")
    project.wait_for_worker("A1")
    project.wait("the table", lambda: b"running" in terminal.look())
    terminal.type(b"\x03")
    assert terminal.ends_within(15), terminal.shown[-3000:].decode(errors="replace")
    assert terminal.command.returncode == 130
    project.wait("all has ended", lambda: not project.living())
    assert {(r["experiment"], r["state"]) for r in project.status()["runs"]} == {
        ("Baseline", "stopped"), ("A1", "stopped"),
    }  # fmt: skip


@pytest.mark.slow
def test_at_random_instants_with_other_kills(tmp_path: Path, undisturbed_five: FaultyProject) -> None:
    """The terminal goes at any time of the first seconds, and sometimes a scheduler, a runner or a worker after it.

    Whoever came so far as to queue the study sees it completed; whoever did not asks for it once more.
    """
    done: Counter[str] = Counter()

    def one(seed: int) -> None:
        rng = random.Random(seed)
        with faulty_project(tmp_path / str(seed), FIVE, seconds=0.05) as project:
            words = ("--all", "--slots", "2", "--epochs", "12", "--retries", "1000")
            terminal = Terminal(project, *words)
            time.sleep(rng.uniform(0.1, 3))
            way = rng.choice(WAYS)
            terminal.end(way)
            done[way] += 1
            assert_true_state(project)
            role = rng.choice(["nobody", "scheduler", "runner", "worker"])
            for victim in project.of_role(role)[:1]:
                done[role] += victim.kill()
                assert_true_state(project)
            if not (project.folder / "runs" / "queue.json").exists():
                project.run(*words)
            project.run("queue", "resume")
            assert {row["state"] for row in project.wait_until_settled(120)["runs"]} == {"completed"}
            project.wait("all processes have ended", lambda: not project.living())
            assert_undoubled(project)
            assert_same_results(project, undisturbed_five)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(200, 224)))
    print(f"\n24 studies in a terminal: {dict(done)}, nothing lost")
