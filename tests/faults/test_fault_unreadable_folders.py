"""A run's folder that may not be read or written: its own run says so; every other is shown, started and finished."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROGRAM
from tests.faults.conftest import Make
from tests.faults.fault_project import OPEN, FaultyProject

GIVE_UP = [f"--{caps}=-dac_override,-dac_read_search" for caps in ("inh-caps", "bounding-set")]


def bound() -> list[str]:
    """What to put before a command so that permissions bind it and all that it starts, also where root runs this."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None or subprocess.run([setpriv, *GIVE_UP, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root, and no way to give up root's right to read and write everything")
    return [setpriv, *GIVE_UP]


class Bound:
    """A project whose commands are bound by permissions."""

    def __init__(self, project: FaultyProject) -> None:
        self.project = project
        self._prefix = bound()

    def run(self, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*self._prefix, *PROGRAM, *words],
            cwd=self.project.folder, env=self.project.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["experiment"]: row for row in json.loads(self.run("status", "--json").stdout)["runs"]}

    def settled(self, *names: str) -> dict[str, dict[str, Any]]:
        def done() -> dict[str, dict[str, Any]] | None:
            rows = self.rows()
            return None if any(rows[name]["state"] in OPEN for name in names) else rows

        found: dict[str, dict[str, Any]] = self.project.wait(f"{names} are settled", done, 60)
        return found


@contextmanager
def forbidden(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize("what", ["run", "attempt", pytest.param("experiment", marks=pytest.mark.slow)])
def test_a_folder_that_may_not_be_read(make: Make, what: str) -> None:
    """Of a run that is done, while others go on."""
    project = make(behaviour="Baseline=hold", seconds=0.02)
    program = Bound(project)
    program.run("--all", "--detach", "--slots", "2")
    project.wait("A1 has ended", lambda: any(project.exits("A1")))
    run = project.run_folder("A1")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with forbidden({"run": run, "attempt": run / "attempt-01", "experiment": run.parent}[what], 0):
        row = program.rows()["A1"]
        assert row["state"] in {"lost", "failed"}
        assert "cannot be read: Permission denied" in row["reason"]
        assert "Permission denied" in program.run("status").stdout
        project.let_go()
        rows = program.settled("Baseline", "A2")
        assert (rows["Baseline"]["state"], rows["A2"]["state"]) == ("completed", "completed")
    assert program.rows()["A1"]["state"] == "completed"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_folder_that_may_not_be_written(make: Make) -> None:
    """Of a run that waits: it says why, the rest of its batch and the next batch go on; mended, it starts by itself."""
    project = make(behaviour="Baseline=hold", seconds=0.02)
    program = Bound(project)
    program.run("--all", "--detach", "--slots", "1")
    project.wait_for_worker("Baseline")
    with forbidden(project.run_folder("A1"), 0o555):
        project.let_go()
        reason = project.wait("why", lambda: [r for r in [program.rows()["A1"]["reason"]] if "denied" in r])[0]
        assert "attempt-01: Permission denied" in reason
        assert program.settled("Baseline", "A2")["A2"]["state"] == "completed"
        logs = [path for path in (project.folder / "logs").glob("A1*.log") if not path.stat().st_size]
        assert not logs, "an empty log for every time it was tried"
    project.run("queue", "resume")
    rows = project.wait("A1 is done", lambda: [r for r in [program.rows()] if r["A1"]["state"] == "completed"])
    assert rows[0]["A1"]["attempt"] == 1


def test_a_folder_of_leases_that_may_not_be_written(make: Make) -> None:
    project = make()
    program = Bound(project)
    (project.folder / "leases").mkdir()
    with forbidden(project.folder / "leases", 0o555):
        refused = program.run("--exp", "A1", code=1)
        assert "leases/cpu-0.lock cannot be taken: Permission denied" in refused.stderr
        assert not project.attempts("A1")
    program.run("--exp", "A1")
