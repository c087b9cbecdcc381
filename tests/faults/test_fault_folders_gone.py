"""Folders that go while all works: whoever works in them ends and says why, and makes none of them again."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROGRAM
from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, assert_undoubled

HOW = {
    "runs deleted": lambda folder: shutil.rmtree(folder / "runs"),
    "runs moved": lambda folder: (folder / "runs").rename(folder / "elsewhere"),
    "project moved": lambda folder: folder.rename(folder.with_name("moved")),
    "study deleted": lambda folder: shutil.rmtree(folder / "runs" / "small"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_all_who_work_in_a_folder_that_goes_end_and_make_nothing_again(make: Make, how: str) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2", "--retries", "0")
    project.wait_for_worker("A1")
    project.wait_for_worker("Baseline")
    pids = [process.pid for process in project.living()]
    assert len(pids) == 5
    HOW[how](project.folder)
    project.wait("all have ended", lambda: not any(is_living(pid) for pid in pids))
    made = [path.name for path in project.folder.glob("runs/*")] if project.folder.exists() else []
    assert "small" not in made
    assert ("runs" in how or "project" in how) == (not made)
    root = project.folder.with_name("moved") if how == "project moved" else project.folder
    assert all("is gone: it was moved, deleted or unmounted" in path.read_text() for path in root.glob("logs/*.log"))
    for log in root.glob("*/scheduler.log"):
        words = log.read_text()
        assert "this scheduler ends" in words or ("queue the run again" in words and how == "study deleted")


def is_living(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def run_at(folder: Path, project: FaultyProject, *words: str) -> str:
    done = subprocess.run(
        [*PROGRAM, *words], cwd=folder, env=project.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def in_the_words_of_version_1(folder: Path) -> None:
    """Let the documents name the project in full, and know nothing of environments."""
    for path in folder.glob("runs/*/*/*/attempt-*/runner.json"):
        facts = json.loads(path.read_text())
        del facts["environment"]
        path.write_text(json.dumps(facts | {"cwd": str(folder)}))
    queue = json.loads((folder / "runs" / "queue.json").read_text())
    for item in queue["items"]:
        del item["environment"], item["python"]
        item["cwd"] = str(folder)
    (folder / "runs" / "queue.json").write_text(json.dumps(queue))


@pytest.mark.parametrize("early", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["moved", pytest.param("copied", marks=pytest.mark.slow)])
def test_a_project_that_was_moved_or_copied_works_where_it_is(make: Make, how: str, *, early: bool) -> None:
    """Status, logs, relaunch; and what waits in its queue runs there, and touches nothing where it came from."""
    project = make(behaviour="A1=exit:3@1", seconds=0.02)
    project.run("--exp", "Baseline", "A1", "--slots", "2", code=1)
    project.run("queue", "pause")
    project.run("--exp", "A2", "--detach")
    project.wait("its scheduler", lambda: project.of_role("scheduler"))[0].kill()
    project.wait("it is gone", lambda: not project.of_role("scheduler"))
    if early:
        in_the_words_of_version_1(project.folder)
    elif how == "moved":
        documents = [path for path in project.folder.rglob("runs/**/*.json") if path.name != "spec.json"]
        assert not [path for path in documents if str(project.folder) in path.read_text()]
    new = project.folder.with_name(f"{project.folder.name}-{how}")
    if how == "moved":
        project.folder.rename(new)
        project.folder.mkdir()
    else:
        shutil.copytree(project.folder, new, symlinks=True)
    before = snapshot(project.folder)
    there = FaultyProject(new, behaviour=project.behaviour, seconds=project.seconds)
    assert {row["log"].split("/")[0] for row in there.status()["runs"] if row["log"]} == {"logs"}
    assert "a stand-in" in run_at(new, there, "logs", "Baseline")
    run_at(new, there, "relaunch", "A1")
    run_at(new, there, "queue", "resume")
    told = there.wait_until_settled(60)
    assert {row["state"] for row in told["runs"]} == {"completed"}, told
    assert_undoubled(there)
    assert snapshot(project.folder) == before
    assert not any(project.folder.iterdir()) or how == "copied"


def test_a_request_to_stop_whose_sender_was_killed_is_obeyed(make: Make) -> None:
    """The file is there, the signal was never sent: the runner obeys, and for a killed runner the scheduler."""
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--exp", "Baseline", "A1", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    project.wait_for_worker("Baseline")
    project.of_role("runner", "/A1/")[0].kill()
    for experiment in ("Baseline", "A1"):
        (project.attempts(experiment)[0] / "stop").touch()
    told = project.wait_until_settled(30)
    assert {row["state"] for row in told["runs"]} == {"stopped"}, told
    assert all("on request" in row["reason"] and row["attempt"] == 1 for row in told["runs"])
