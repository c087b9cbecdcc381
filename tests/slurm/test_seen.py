"""What people see of runs on a real Slurm: in `status`, in `devices` and in the console."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iqa_tui.state.board import Target
from tests.conftest import STUDY
from tests.faults.fault_project import FaultyProject, faulty_project
from tests.slurm.cluster import Cluster
from tests.tui.screens.console_host import seat

ON_SLURM = STUDY + '\n[slurm]\ngpus = 1\ntime = "0:30:00"\n'
RUNNING, WAITING = 4, 2  # of six runs on two nodes with two GPUs each


@pytest.fixture
def full(cluster: Cluster, tmp_path: Path) -> Iterator[FaultyProject]:
    """A study whose first four runs hold on the nodes, so that the last two wait."""
    with faulty_project(tmp_path / "project", ON_SLURM, behaviour="*=hold") as project:
        project.run("--all", "--backend", "slurm", "--policy", "greedy", "--seeds", "1", "2", "--detach")
        project.wait("four runs are on the nodes", lambda: len(_rows(project, "running")) == RUNNING)
        yield project
        project.run("stop", "--all", "--grace", "1")


def _rows(project: FaultyProject, state: str) -> list[dict[str, Any]]:
    return [row for row in project.status()["runs"] if row["state"] == state]


@pytest.mark.slow
def test_status_devices_and_console_show_jobs_nodes_and_reasons(
    full: FaultyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = _rows(full, "running")
    assert {row["job"]["node"] for row in running} == {"n1", "n2"}
    assert all(row["job"]["state"] == "RUNNING" and row["job"]["start"] for row in running)
    assert all(row["device"].startswith(f"{row['job']['node']} ") for row in running)
    waiting = full.wait(
        "Slurm says why the others wait",
        lambda: [row for row in _rows(full, "queued") if row["job"] and row["job"]["reason"] == "Resources"],
    )
    assert [set(row["job"]) for row in waiting] == [{"id", "state", "reason", "node", "start"}] * WAITING
    assert all(row["reason"].startswith(f"Slurm job {row['job']['id']}: Resources") for row in waiting)
    shown = full.run("status").stdout
    assert "\nResources: no node has room" in shown

    def nodes() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(full.run("devices", "--json").stdout)["nodes"]
        return found if sum(len(device["runs"]) for device in found) == RUNNING else []

    sampled = full.wait("every run has sampled its device", nodes)
    assert [(device["node"], device["label"]) for device in sampled] == [("n1", "CPU"), ("n2", "CPU")]
    monkeypatch.chdir(full.folder)
    asyncio.run(_look_at_console())


async def _look_at_console() -> None:
    async with seat((160, 48), target=Target(Path("runs"), Path("logs"))) as screen:
        await screen.sees("Slurm job", "Resources", "n1 CPU ", "n2 CPU ", "s ago")
        await screen.press("G")
        await screen.sees("no node has room for it at the moment")
        await screen.press("enter")
        await screen.sees("PENDING")
