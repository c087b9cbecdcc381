"""A state file cut short while runs are under way: it is named, nothing is overwritten, and nobody else suffers."""

from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_same_results, epoch_figures

LONG = ("--epochs", "100000")


def _cut(path: Path) -> bytes:
    """Leave half of a file; returns what is left."""
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    return half


def _of_a1(project: FaultyProject, name: str) -> Path:
    return project.attempts("A1")[-1] / name


def test_exit_json(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    """While another run lives, and one waits."""
    project = make(behaviour="Baseline=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait("A1 has ended", lambda: any(project.exits("A1")))
    left = _cut(_of_a1(project, "exit.json"))
    row = project.row("A1")
    assert row["state"] == "failed"
    assert f"{row['run_dir']}/attempt-01/exit.json is damaged" in row["reason"]
    assert "exit.json is damaged" in project.run("status").stdout
    project.let_go()
    told = {r["experiment"]: r["state"] for r in project.wait_until_settled()["runs"]}
    assert told == {"Baseline": "completed", "A1": "failed", "A2": "completed"}
    assert _of_a1(project, "exit.json").read_bytes() == left
    project.run("relaunch", "A1", "--again")
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert (project.run_folder("A1") / "attempt-01" / "exit.json").read_bytes() == left
    assert epoch_figures(project, "A1")[3:] == epoch_figures(undisturbed_stand_ins, "A1")


def test_runner_json_of_a_living_run(make: Make) -> None:
    """It lives, and can be stopped: that does not hang on this file."""
    project = make()
    project.run("--exp", "A1", "A2", "--detach", "--slots", "2", "--policy", "greedy", *LONG)
    project.wait_for_worker("A1")
    project.wait_for_worker("A2")
    left = _cut(_of_a1(project, "runner.json"))
    assert {row["state"] for row in project.status()["runs"]} == {"running"}
    project.run("stop", "A1")
    assert not project.of_role("worker", "/A1/")
    assert _of_a1(project, "runner.json").read_bytes() == left
    assert project.row("A1")["state"] == "stopped"
    assert project.row("A2")["state"] == "running"


@pytest.mark.slow
def test_runner_json_of_a_run_that_is_done(make: Make) -> None:
    project = make(seconds=0.01)
    project.run("--all", "--slots", "3", "--policy", "greedy")
    _cut(_of_a1(project, "runner.json"))
    assert {row["state"] for row in project.status()["runs"]} == {"completed"}
    done = project.run("--all", "--slots", "3")
    assert "A1 is completed already" in done.stderr


def test_result_json(make: Make) -> None:
    project = make(behaviour="Baseline=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait("A1 has ended", lambda: any(project.exits("A1")))
    result = project.run_folder("A1") / "result.json"
    left = _cut(result)
    row = project.row("A1")
    assert row["state"] == "failed"
    assert "result.json is damaged" in row["reason"]
    project.let_go()
    told = {r["experiment"]: r["state"] for r in project.wait_until_settled()["runs"]}
    assert told == {"Baseline": "completed", "A1": "failed", "A2": "completed"}
    assert result.read_bytes() == left
    project.run("relaunch", "A1", "--again")
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert (project.run_folder("A1") / "attempt-01" / "result.json").read_bytes() == left


def test_spec_json_of_a_run_that_waits(make: Make) -> None:
    """What it was to do is not known any more: it cannot start, says so, and the others go on."""
    project = make(behaviour="Baseline=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "1")  # first Baseline, then A1, then the next batch
    project.wait_for_worker("Baseline")
    spec = project.run_folder("A1") / "spec.json"
    left = _cut(spec)
    project.let_go()
    words = project.wait("it says so", lambda: [w for w in [project.row("A1")["reason"]] if "spec.json" in w])[0]
    assert "spec.json is damaged" in words
    assert spec.read_bytes() == left
    project.wait("the next batch", lambda: project.row("A2")["state"] == "completed")


def test_the_queue(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    """What runs goes on; nothing new starts; every command names the file; mended, all goes on."""
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    queue = project.folder / "runs" / "queue.json"
    whole = queue.read_bytes()
    left = _cut(queue)
    for words in (["status", "--json"], ["queue", "pause"], ["queue", "resume"], ["relaunch", "A1"]):
        assert "runs/queue.json is damaged" in project.run(*words, code=1).stderr
    project.let_go()
    project.wait("A1 ends", lambda: any(project.exits("A1")))
    assert queue.read_bytes() == left
    assert not project.attempts("A2")
    queue.write_bytes(whole)
    project.run("queue", "resume")
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_stand_ins)


def test_a_run_can_be_stopped_while_the_queue_is_damaged(make: Make) -> None:
    project = make()
    project.run("--exp", "A1", "--detach", *LONG)
    project.wait_for_worker("A1")
    left = _cut(project.folder / "runs" / "queue.json")
    project.run("stop", "A1")
    assert not project.of_role("worker")
    assert (project.folder / "runs" / "queue.json").read_bytes() == left


@pytest.mark.parametrize("alive", [pytest.param(True, marks=pytest.mark.slow), False])
def test_who_is_the_scheduler(make: Make, undisturbed_stand_ins: FaultyProject, alive: bool) -> None:
    """A file that says nothing which is not known otherwise: it holds nobody up."""
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    if not alive:
        for process in project.of_role("scheduler"):
            process.kill()
    _cut(project.folder / "runs" / "scheduler.json")
    assert (project.status()["scheduler"] is not None) == alive
    project.let_go()
    project.run("queue", "resume")
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_stand_ins)


@pytest.mark.parametrize(
    "harm",
    [b'{"event": "epoch", "time": "2026-01-01T00:0', b'\x00\xff\xfe\n[1, 2]\n{"event": 1}\n'],
)
def test_a_line_of_the_metrics_of_a_living_run(make: Make, undisturbed_stand_ins: FaultyProject, harm: bytes) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    with _of_a1(project, "metrics.jsonl").open("ab") as metrics:
        metrics.write(harm)
    assert project.row("A1")["state"] == "running"
    project.let_go()
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_stand_ins)


@pytest.mark.slow
def test_who_holds_a_lease(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "1")
    project.wait_for_worker("Baseline")
    _cut(project.folder / "leases" / "cpu-0.lock")
    assert project.row("A1")["reason"] == "waiting for CPU slot 0 (leased by an unknown process)"
    project.let_go()
    assert {r["state"] for r in project.wait_until_settled()["runs"]} == {"completed"}
    assert_same_results(project, undisturbed_stand_ins)
