"""`iqa-train runs merge`: what it prints, its exit codes, its JSON; two projects with stand-ins for the trainer."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli import main as program
from tests.faults.fault_project import FaultyProject, faulty_project
from tests.small_disk import small_disk

Servers = tuple[FaultyProject, FaultyProject]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A has Baseline; B has A1, and a Baseline that was killed in its second epoch. Read-only."""
    root = tmp_path_factory.mktemp("servers")
    with (
        faulty_project(root / "a", seconds=0.01) as a,
        faulty_project(root / "b", seconds=0.01, behaviour="Baseline=die:9") as b,
    ):
        a.run("--exp", "Baseline")
        b.run("--exp", "Baseline", "A1", "--retries", "0", code=1)
        yield a, b


@pytest.fixture
def servers(made: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Copies of the two; A is the working folder."""
    a, b = (replace(one, folder=tmp_path / one.folder.name) for one in made)
    for one, copy in zip(made, (a, b), strict=True):
        shutil.copytree(one.folder, copy.folder, symlinks=True)
    monkeypatch.chdir(a.folder)
    return a, b


@pytest.fixture
def merge(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`iqa-train runs merge` with these words, in the working folder; holds it to its exit code."""

    def run(*words: str, code: int = 0) -> str:
        assert program.main(["runs", "merge", *words]) == code
        out, err = capsys.readouterr()
        return out + err

    return run


def document(merge: Callable[..., str], *words: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(merge(*words, "--json", code=code))
    return found


def test_runs_of_another_project_count_here(servers: Servers, merge: Callable[..., str]) -> None:
    a, b = servers
    planned = merge("../b", "--dry-run").splitlines()
    done = merge("../b").splitlines()
    assert planned[:-1] == done[:-1]
    assert planned[-1].partition(": would be: ")[2] == "1 joined, 1 kept aside"
    assert done[0].startswith("joined      small A1 (seed 42): completed, SRCC 0.")
    assert done[1].startswith("kept-aside  small Baseline (seed 42): it is completed, SRCC 0.")
    assert done[2] == "../b (a project: its runs are in ../b/runs): 1 joined, 1 kept aside"
    assert merge("../b/runs") == "../b/runs: nothing to do, its 2 runs are here\n"
    states = {row["experiment"]: (row["state"], row["attempt"]) for row in a.status()["runs"]}
    assert states == {"Baseline": ("completed", 1), "A1": ("completed", 1)}
    assert "a stand-in" in a.run("logs", "A1").stdout
    rows, theirs = (
        {row["experiment"]: row["value"] for row in json.loads(one.run("results", "--json").stdout)["rows"]}
        for one in (a, b)
    )
    assert rows["A1"] == theirs["A1"]


@pytest.mark.slow
def test_an_unfinished_run_of_a_machine_that_is_gone_is_continued_here(
    servers: Servers, merge: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = servers
    shutil.rmtree(a.folder / "runs")
    assert [(run["experiment"], run["what"], run["state"]) for run in document(merge, "../b")["runs"]] == [
        ("A1", "joined", "completed"), ("Baseline", "joined", "killed"),
    ]  # fmt: skip
    a.run("--exp", "Baseline", "--resume")
    row = a.row("Baseline")
    assert (row["state"], row["attempt"]) == ("completed", 2)
    assert len({event["epoch"] for event in a.epochs("Baseline")}) == 3
    assert document(merge, "../b")["complete"]
    monkeypatch.chdir(b.folder)
    assert [run["what"] for run in document(merge, "../a")["runs"]] == ["unchanged", "continued"]
    assert b.row("Baseline")["state"] == "completed"


def test_runs_that_wait_in_the_other_queue_are_told(servers: Servers, merge: Callable[..., str]) -> None:
    a, b = servers
    shutil.copytree(b.folder / "runs/small/A1", b.folder / "runs/small/A2")
    queue = json.loads((b.folder / "runs/queue.json").read_text())
    folder = next((b.folder / "runs/small/A2").iterdir())
    item = queue["items"][0] | {"run": f"small/A2/{folder.name}", "experiment": "A2"}
    for path in (*folder.glob("attempt-*"), folder / "checkpoints"):
        shutil.rmtree(path)
    for path in (folder / "result.json", folder / "predictions-test.csv"):
        path.unlink()
    (b.folder / "runs/queue.json").write_text(json.dumps(queue | {"items": [item]}))
    said = merge("../b/runs")
    assert "note: 1 run waits in the queue of ../b/runs (A2 (seed 42)); queues are not merged" in said
    assert not (a.folder / "runs/small/A2").exists()


def test_conflicts_end_with_1_and_usage_with_2(servers: Servers, merge: Callable[..., str]) -> None:
    a, _ = servers
    predictions = a.run_folder("Baseline") / "predictions-test.csv"
    text = predictions.read_text()
    shutil.copytree(a.folder, a.folder.with_name("c"), symlinks=True)
    other = a.folder.with_name("c") / predictions.relative_to(a.folder)
    other.write_text(text.replace("0.png,0,0.", "0.png,0,1."))
    runner = other.parent / "attempt-01" / "runner.json"
    runner.write_text(runner.read_text().replace('"started": "20', '"started": "19'))
    said = merge("../c", code=1)
    assert said.startswith("conflict  small Baseline (seed 42): it is finished in both with different predictions")
    assert said.endswith(": 1 left there\n")
    (run,) = document(merge, "../c", code=1)["runs"]
    assert (run["what"], run["left"]) == ("conflict", True)
    assert document(merge, "../c", "--as-repeat")["runs"][0]["run_dir"].endswith("-r2")
    assert "Baseline (repeat 2)" in a.run("status").stdout
    assert predictions.read_text() == text
    for words in (["../nowhere"], ["."], ["../b", "../b/runs"], []):
        merge(*words, code=2)


def test_a_source_that_may_not_be_written_to_is_joined(servers: Servers, merge: Callable[..., str]) -> None:
    a, b = servers
    paths = [b.folder / "runs", *b.folder.joinpath("runs").rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert document(merge, "../b")["complete"]
        joined = a.run_folder("A1")
        assert all(path.stat().st_mode & 0o200 for path in [joined, *joined.rglob("*")])
    finally:
        for path in paths:
            path.chmod(0o755)


def test_a_full_disk_leaves_what_was_joined_and_no_half(servers: Servers, merge: Callable[..., str]) -> None:
    _, b = servers
    big = b.run_folder("A1") / "checkpoints" / "big"
    big.write_bytes(os.urandom(4 << 20))
    with small_disk(b.folder.parent / "small", 2048) as small:
        words = ("../b", "--runs-dir", str(small / "runs"), "--logs-dir", str(small / "logs"))
        assert "No space left on device; make room and merge again" in merge(*words, code=1)
        assert not list((small / "runs").rglob(".merge-*"))
        big.unlink()
        assert merge(*words).endswith("2 joined\n")
