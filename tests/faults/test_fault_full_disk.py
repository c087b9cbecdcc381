"""A disk that fills up under a run's log, metrics or checkpoint, or at any other byte: named, and gone on from."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import OPEN, FaultyProject, assert_same_results, faulty_project
from tests.small_disk import small_disk

OTHERS = ("Baseline", "A2")


def _make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


def _hold_to_it(project: FaultyProject, disk: Path, undisturbed: FaultyProject) -> None:
    told = {row["experiment"]: row for row in project.wait_until_settled()["runs"]}
    assert told["A1"]["state"] == "failed"
    assert told["A1"]["reason"].startswith("disk full")
    assert [told[name]["state"] for name in OTHERS] == ["completed", "completed"]
    (ended,) = project.exits("A1")
    assert ended is not None
    assert ended["exit_code"] == 5
    assert not list(project.run_folder("A1").rglob("*.tmp")), "half a file"
    _make_room(disk)
    project.run("relaunch", "A1")
    told = {row["experiment"]: row for row in project.wait_until_settled()["runs"]}
    assert (told["A1"]["state"], told["A1"]["attempt"]) == ("completed", 2)
    assert_same_results(project, undisturbed)


@pytest.mark.parametrize("what", ["checkpoint:300", "metrics:150"])
def test_under_checkpoint_and_metrics(make: Make, undisturbed_stand_ins: FaultyProject, what: str) -> None:
    """The run's folder lies on a disk of its own."""
    project = make(behaviour=f"A1={what}", seconds=0.02)
    with small_disk(project.folder / "runs" / "small" / "A1", 440) as disk:
        project.run("--all", "--detach", "--slots", "3", "--policy", "greedy")
        _hold_to_it(project, disk, undisturbed_stand_ins)


def test_under_the_log(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(behaviour="A1=log:100", seconds=0.02)
    with small_disk(project.folder / "elsewhere", 160) as disk:
        project.run("--exp", "A1", "--detach", "--slots", "3", "--policy", "greedy", "--logs-dir", "elsewhere")
        project.run("queue", "add", "--exp", *OTHERS, "--slots", "3", "--policy", "greedy")
        _hold_to_it(project, disk, undisturbed_stand_ins)


@contextmanager
def _room_for(kibibytes: int, folder: Path) -> Iterator[Path]:
    """A disk at `folder` with so much room left, and a file on it to take away for more."""
    with small_disk(folder, 1024) as disk:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(free - 1024 * kibibytes))
        yield disk


def _here(project: FaultyProject, kibibytes: int, undisturbed: FaultyProject) -> str:
    """In the foreground, all of `runs` on that disk. Returns what it said."""
    with _room_for(kibibytes, project.folder / "runs") as disk:
        command = project.start("--exp", "A1")
        _, err = command.communicate(timeout=120)
        if command.returncode == 0:  # there was room enough
            return ""
        assert command.returncode == 1, err
        assert "Traceback" not in err
        said = err.strip().splitlines()[-1]
        assert "disk full" in said or "No space left on device" in said, err
        assert not project.living(), "somebody stayed behind"
        told = {row["experiment"]: row for row in project.status()["runs"]}
        if "A1" in told:  # it came so far as to make an attempt
            assert told["A1"]["state"] == "failed", told["A1"]
            assert "disk full" in told["A1"]["reason"] or "No space left" in told["A1"]["reason"], told["A1"]
        (disk / "filler").unlink()
        project.run("--exp", "A1", *(["--resume"] if "A1" in told else []))
        assert project.row("A1")["state"] == "completed"
        _same_a1(project, undisturbed)
        return said


def _same_a1(project: FaultyProject, undisturbed: FaultyProject) -> None:
    """The same results, each epoch once, as far as it was told to a file that could hold it."""
    ours, theirs = project.run_folder("A1"), undisturbed.run_folder("A1")
    assert (ours / "predictions-test.csv").read_bytes() == (theirs / "predictions-test.csv").read_bytes()
    assert [event["epoch"] for event in project.epochs("A1")] == [1, 2, 3]


ROOM = [0, 76]
"""KiB: not even its first file fits; or all up to its worker's first words."""


@pytest.mark.parametrize("kibibytes", ROOM)
def test_with_only_so_much_room(make: Make, undisturbed_stand_ins: FaultyProject, kibibytes: int) -> None:
    print(kibibytes, _here(make(seconds=0.01), kibibytes, undisturbed_stand_ins))


@pytest.mark.slow
def test_with_every_amount_of_room(tmp_path: Path, undisturbed_stand_ins: FaultyProject) -> None:
    """From none to enough, page by page."""

    def one(kibibytes: int) -> bool:
        with faulty_project(tmp_path / str(kibibytes), seconds=0.01) as project:
            return bool(_here(project, kibibytes, undisturbed_stand_ins))

    with ThreadPoolExecutor(3) as pool:
        full = list(pool.map(one, range(0, 132, 4)))
    print(f"\n{len(full)} amounts of room from 0 to 128 KiB: {sum(full)} too small, each named and gone on from")
    assert not full[-1]


@pytest.mark.slow
def test_with_only_so_much_room_for_the_queue_too(tmp_path: Path, undisturbed_stand_ins: FaultyProject) -> None:
    """The queue, the scheduler's files and the run share the disk; after room is made, the run is completed."""

    def one(kibibytes: int) -> None:
        with faulty_project(tmp_path / str(kibibytes), seconds=0.01) as project:
            _queued(project, kibibytes, undisturbed_stand_ins)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(0, 112, 8)))


def _queued(project: FaultyProject, kibibytes: int, undisturbed: FaultyProject) -> None:
    with _room_for(kibibytes, project.folder / "runs") as disk:
        command = project.start("--exp", "A1", "--detach")
        _, err = command.communicate(timeout=120)
        assert "Traceback" not in err
        if command.returncode != 0:
            assert "No space left on device" in err or "scheduler did not start" in err, err
        else:

            def ends() -> bool:
                (row,) = project.status()["runs"]
                reason = row["reason"]
                return row["state"] not in OPEN or any(w in reason for w in ("No space", "full", "no scheduler"))

            project.wait("it ends, or says why it cannot begin", ends)
        (disk / "filler").unlink()
        rows = project.status()["runs"]
        if not rows:
            project.run("--exp", "A1", "--detach")
        elif rows[0]["state"] in OPEN:
            project.run("queue", "resume")
        elif rows[0]["state"] != "completed":
            assert rows[0]["state"] == "failed", rows
            assert "disk full" in rows[0]["reason"] or "No space left" in rows[0]["reason"], rows
            project.run("relaunch", "A1")
        (row,) = project.wait_until_settled(60)["runs"]
        assert row["state"] == "completed", row
        _same_a1(project, undisturbed)
        project.wait("all processes have ended", lambda: not project.living())
