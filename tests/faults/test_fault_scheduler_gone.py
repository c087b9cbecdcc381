"""The scheduler alone is killed while a run lives: the run's own process starts another, which outlives that run."""

import pytest

from tests.faults.conftest import Make
from tests.faults.fault_project import FIVE, FaultyProject, assert_same_results, assert_true_state, assert_undoubled


@pytest.mark.slow
def test_the_last_act_of_a_run_is_to_start_a_scheduler(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(behaviour="*=hold", seconds=0.02)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("A1")
    (scheduler,) = project.of_role("scheduler")
    scheduler.kill()
    assert_true_state(project)
    assert "no scheduler is running" in project.row("A2")["reason"]
    project.let_go()
    told = project.wait_until_settled()  # with nobody's help
    assert {row["state"] for row in told["runs"]} == {"completed"}
    assert_undoubled(project)
    assert_same_results(project, undisturbed_stand_ins)


@pytest.mark.slow
def test_a_long_run_starts_one_on_its_way_and_does_not_take_it_along(
    make: Make, undisturbed_five: FaultyProject
) -> None:
    """The runs that the new scheduler starts are nobody's children: the end of the run that started it ends none."""
    project = make(study=FIVE, seconds=0.3, behaviour="Baseline=epoch:1.15,A1=epoch:1")
    project.run("--all", "--detach", "--slots", "2", "--epochs", "12", "--policy", "greedy", "--retries", "0")
    project.wait_for_worker("A1")
    (first,) = project.of_role("scheduler")
    first.kill()
    project.wait("it is gone", lambda: first not in project.living())
    second = project.wait("another scheduler", lambda: project.status()["scheduler"], 15)["pid"]
    project.wait("its starter is done, and the next runs", lambda: len(project.epochs("B1")) >= 1)
    assert [p.pid for p in project.of_role("scheduler")] == [second], project.story()
    told = project.wait_until_settled(60)
    assert {(row["state"], row["attempt"]) for row in told["runs"]} == {("completed", 1)}, project.story()
    assert_undoubled(project)
    assert_same_results(project, undisturbed_five)


@pytest.mark.slow
def test_orphans_of_the_second_scheduler_are_not_taken_along_either(
    make: Make, undisturbed_five: FaultyProject
) -> None:
    """It is killed too. Its runs fall to the runner that had started it, as all orphans below that one do."""
    project = make(study=FIVE, seconds=0.2, behaviour="Baseline=hold,A1=epoch:1,A2=hold,B1=epoch:1.5")
    project.run("--all", "--detach", "--slots", "3", "--epochs", "12", "--policy", "greedy", "--retries", "0")
    project.wait_for_worker("A1")
    (first,) = project.of_role("scheduler")
    first.kill()
    project.wait("it is gone", lambda: first not in project.living())
    project.wait("B1 follows A1", lambda: project.of_role("worker", "/B1/"))
    for process in [*project.of_role("scheduler"), *project.of_role("runner", "/B1/")]:
        process.kill()
    assert_true_state(project)
    project.let_go()
    told = project.wait_until_settled(60)
    assert {(row["state"], row["attempt"]) for row in told["runs"]} == {("completed", 1)}, project.story()
    assert_same_results(project, undisturbed_five)
