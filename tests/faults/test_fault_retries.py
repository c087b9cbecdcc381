"""What can pass is tried again, and no more often than was allowed; what cannot is not; old results are kept."""

import json
import time

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import (
    FIVE,
    FaultyProject,
    assert_same_results,
    assert_undoubled,
    epoch_figures,
)


@pytest.mark.slow
def test_which_ends_are_tried_again(make: Make) -> None:
    """With --retries 1. Each ends in its second epoch: the first attempt has finished an epoch, and counts anew."""
    project = make(study=FIVE, behaviour="Baseline=die:9,A1=exit:3,A2=exit:2,B1=oom@1,B2=exit:1", seconds=0.01)
    project.run("--all", "--slots", "5", "--policy", "greedy", "--retries", "1", code=2)
    told = {row["experiment"]: row for row in project.status()["runs"]}
    outcome = {name: (row["state"], row["attempt"]) for name, row in told.items()}
    assert outcome == {
        "Baseline": ("killed", 3), "A1": ("failed", 1), "A2": ("failed", 1), "B1": ("completed", 2),
        "B2": ("failed", 1),
    }  # fmt: skip
    assert told["Baseline"]["reason"].startswith("killed by signal 9: probably the kernel's OOM killer")
    assert told["A1"]["reason"] == "diverged"
    assert told["B2"]["reason"] == "ended by an error; its traceback is in the log"
    ended = project.exits("B1")
    assert ended[0] is not None
    assert ended[0]["reason"] == "out of memory: CUDA could not allocate 2.1 GiB; try batch_size 6"
    assert [event["epoch"] for event in project.epochs("B1")] == [1, 2, 3]
    assert [event["epoch"] for event in project.epochs("Baseline")] == [1]


def test_no_retries(make: Make) -> None:
    project = make(behaviour="A1=die:11,A2=oom")
    done = project.run("--all", "--slots", "3", "--policy", "greedy", "--retries", "0", code=1)
    assert "A1: killed by signal 11 (SIGSEGV)" in done.stderr
    assert "A2: failed: out of memory: CUDA could not allocate 2.1 GiB; try batch_size 6" in done.stderr
    assert [len(project.attempts(name)) for name in ("Baseline", "A1", "A2")] == [1, 1, 1]


def test_again_keeps_the_old_results_and_resumes_its_own(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    """The second attempt starts over and is killed in its second epoch; the third goes on from there."""
    project = make(behaviour="A1=die:9@2", seconds=0.01)
    project.run("--all", "--slots", "3", "--policy", "greedy")
    run = project.run_folder("A1")
    before = (run / "result.json").read_bytes()
    project.run("--exp", "A1", "--again", "--detach", "--slots", "3")
    told = project.wait_until_settled()
    (row,) = [row for row in told["runs"] if row["experiment"] == "A1"]
    assert (row["state"], row["attempt"], row["epoch"]) == ("completed", 3, 3)
    assert (run / "attempt-01" / "result.json").read_bytes() == before
    assert (run / "attempt-01" / "checkpoints").is_dir()
    assert [event["epoch"] for event in epoch_figures(project, "A1")] == [1, 2, 3, 1, 2, 3]
    started = [json.loads((a / "runner.json").read_text())["resumed"] for a in project.attempts("A1")]
    assert started == [False, False, True]
    assert json.loads((run / "result.json").read_text()) == json.loads(
        (undisturbed_stand_ins.run_folder("A1") / "result.json").read_text()
    ) | {"rounds": json.loads((run / "result.json").read_text())["rounds"]}
    assert_undoubled(project)


def test_starting_over_was_killed_in_the_blink_before_its_worker(make: Make) -> None:
    """What such a kill leaves: the old results moved away, a new attempt's folder with nothing told in it."""
    project = make(behaviour="A1=hold@3", seconds=0.02)
    project.run("--exp", "A1")
    project.run("queue", "pause")
    project.run("relaunch", "A1", "--again")
    run = project.run_folder("A1")
    for path in [run / "result.json", run / "checkpoints", run / "predictions-test.csv"]:
        path.rename(run / "attempt-01" / path.name)
    (run / "attempt-02").mkdir()
    (run / "attempt-02" / "reserve").write_bytes(bytes(65536))
    project.run("queue", "resume")
    project.wait_for_worker("A1", epoch=4)  # three of the first attempt, and one of the third
    row = project.row("A1")
    assert (row["state"], row["attempt"]) == ("running", 3)
    assert row["epoch"] == 1, "not the three of the attempt whose results were set aside"
    project.let_go()
    assert project.wait_until_settled()["runs"][0]["state"] == "completed"


def test_a_run_with_killed_processes_is_not_called_unable_to_start(make: Make) -> None:
    project = make(behaviour="A1=hold", seconds=0.02)
    project.run("--exp", "A1", "--detach")
    for number in (1, 2, 3):
        project.wait_for_worker("A1")
        project.wait("it is told who works", (project.attempts("A1")[-1] / "runner.json").exists)
        began = time.monotonic()
        for process in [*project.of_role("runner"), *project.of_role("worker")]:
            process.kill()
        while len(project.attempts("A1")) == number:
            reason = project.row("A1")["reason"]
            assert "cannot be started" not in reason, reason
            assert time.monotonic() - began < 10, "it waits longer every time"
            time.sleep(0.2)


@pytest.mark.slow
def test_an_attempt_without_a_result_is_reported_as_it_ended(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    """Killed while its worker was not yet able to say anything; then all goes well."""
    project = make(behaviour="A1=slow-start:5@1")
    project.run("--all", "--detach", "--slots", "2")
    project.wait("the worker", lambda: project.of_role("worker", "/A1/"))[0].kill()
    told = project.wait_until_settled()
    assert {(r["experiment"], r["state"], r["attempt"]) for r in told["runs"]} == {
        ("Baseline", "completed", 1), ("A1", "completed", 2), ("A2", "completed", 1),
    }  # fmt: skip
    assert_same_results(project, undisturbed_stand_ins)
