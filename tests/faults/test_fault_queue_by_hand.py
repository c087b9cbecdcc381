"""The queue changed by hand while it is worked on, and what programs read of it all."""

import json
import re

from iqa_tui.widgets.glyphs import GLYPHS
from tests.faults.conftest import Make
from tests.faults.fault_project import FIVE, FaultyProject

RUN_KEYS = {
    "experiment", "seed", "state", "reason", "attempt", "device", "epoch", "epochs", "srcc", "eta_s", "pid", "run_dir",
    "log",
}  # fmt: skip
STATES = set(GLYPHS)


def _order(project: FaultyProject) -> list[str]:
    told = json.loads(project.run("queue", "--json").stdout)
    return [item["experiment"] for item in told["items"]]


def test_status_for_programs(make: Make) -> None:
    """Its keys, and what they hold of a run that is done, one that runs, and one that waits."""
    project = make(behaviour="Baseline=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait("A1 has ended", lambda: any(project.exits("A1")))
    told = project.status()
    assert told.keys() >= {"study", "policy", "paused", "runs"}
    assert (told["study"], told["policy"], told["paused"]) == ("small", "batches", False)
    assert all(row.keys() >= RUN_KEYS and row["state"] in STATES for row in told["runs"])
    runs, done, waits = told["runs"]
    (worker,) = project.of_role("worker")
    assert (runs["experiment"], runs["state"], runs["pid"], runs["attempt"]) == ("Baseline", "running", worker.pid, 1)
    assert re.fullmatch(r"CPU slot [01]", runs["device"])
    assert (runs["seed"], runs["epochs"]) == (42, 3)
    assert (done["experiment"], done["state"], done["epoch"], done["pid"]) == ("A1", "completed", 3, None)
    assert done["srcc"] == json.loads((project.folder / done["run_dir"] / "result.json").read_text())["srcc"]
    assert (project.folder / done["log"]).read_text().startswith("A1: a stand-in")
    assert (waits["experiment"], waits["state"], waits["reason"]) == ("A2", "queued", "waiting for batch 1")
    assert (waits["device"], waits["pid"], waits["log"], waits["attempt"]) == (None, None, None, 0)
    assert project.status("--study", "small")["runs"]
    assert not project.status("--study", "another")["runs"]


def test_pause_move_remove_resume(make: Make) -> None:
    project = make(study=FIVE, seconds=0.05)
    project.run("--all", "--detach", "--slots", "1", "--epochs", "100000")
    worker = project.wait_for_worker("Baseline")
    project.run("queue", "pause")
    assert project.status()["paused"] is True
    project.run("stop", "Baseline")
    assert worker not in project.living()
    assert _order(project) == ["Baseline", "A1", "A2", "B1", "B2"]
    project.run("queue", "move", "B2", "--to", "1")
    project.run("queue", "remove", "A2", "B1")
    assert _order(project) == ["B2", "Baseline", "A1"]
    assert project.row("A1")["reason"] == "the queue is paused"
    assert "not in the queue" in project.run("queue", "remove", "A3", code=2).stderr
    assert not project.of_role("worker")
    project.run("queue", "resume")
    project.wait_for_worker("B2")
    assert "is running" in project.run("queue", "remove", "B2", code=2).stderr
    assert not project.attempts("A1"), "it waits for the one slot"
    project.run("stop", "B2")
    project.wait_for_worker("A1")
    assert "is running" in project.run("relaunch", "A1", code=2).stderr
    project.run("stop", "--all")
    project.run("queue", "clear")
    assert _order(project) == []
    states = {row["experiment"]: row["state"] for row in project.status()["runs"]}  # with no queue, all that was run
    assert states == {"Baseline": "stopped", "A1": "stopped", "B2": "stopped"}


def test_detached_it_says_how_to_look_again(make: Make) -> None:
    project = make(seconds=0.02)
    said = project.run("--all", "--detach", "--slots", "2").stdout
    assert said.startswith("3 runs queued")
    for words in ("iqa-train status --watch", "iqa-train logs EXPERIMENT -f", "iqa-train stop --all"):
        assert words in said
    told = json.loads(project.run("--all", "--detach", "--slots", "2", "--resume", "--json").stdout)
    assert told.keys() >= {"queued", "scheduler"}
    project.wait_until_settled()
    assert "Best test SRCC" in project.run("logs", "A1", "-f").stdout


def test_code_that_changed_since_a_run_was_queued(make: Make) -> None:
    """It is run with what is there; that it is not what was queued is recorded, and shown."""
    project = make(seconds=0.02)
    (project.folder / "runs").mkdir()
    (project.folder / "runs" / "queue.json").write_text(json.dumps({"items": [], "paused": True}))
    project.run("--all", "--detach", "--slots", "2")
    queue = project.folder / "runs" / "queue.json"
    document = json.loads(queue.read_text())
    now = document["items"][1]["code"]
    document["items"][1]["code"] = "0123456789ab"
    queue.write_text(json.dumps(document))
    project.run("queue", "resume")
    notes = {row["experiment"]: row["note"] for row in project.wait_until_settled()["runs"]}
    assert "changed since this run was queued (0123456789ab then" in notes["A1"]
    assert (notes["Baseline"], notes["A2"]) == ("", "")
    assert json.loads((project.attempts("A1")[0] / "runner.json").read_text())["code"] == now
    assert "changed since" in project.run("status").stdout


def test_a_queue_that_is_worked_on_from_another_directory(make: Make) -> None:
    """Who resumes it from elsewhere changes nothing of where its runs look for data and leave their logs."""
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    for process in [*project.of_role("scheduler"), *project.of_role("runner")]:
        process.kill()  # else a runner would start the next scheduler
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    project.let_go()
    project.run_in(elsewhere, "queue", "resume", "--runs-dir", str(project.folder / "runs"))
    project.wait_until_settled()
    assert len(list((project.folder / "logs").glob("A2*.log"))) == 1
    assert list(elsewhere.iterdir()) == []
