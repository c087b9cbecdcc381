"""A job of a real Slurm that is ended, requeued or killed loses no epoch, and tells why its runs ended."""

import signal

import pytest

from tests.faults.fault_project import FIVE
from tests.slurm.job_project import JobProject, Make

pytestmark = pytest.mark.slow

HOLD = {"behaviour": "*=hold@1", "seconds": 0.2}


def interrupted(project: JobProject, experiment: str = "Baseline") -> str:
    """Why the first attempt ended, of a run that a second one has finished."""
    first = project.project.exits(experiment)[0]
    assert first is not None, project.outputs()
    assert (first["state"], first["interrupted"], first["requested"]) == ("killed", True, False)
    assert len(project.facts(experiment)) == 2, project.outputs()
    project.assert_undisturbed(experiment)
    return str(first["reason"])


def test_near_its_time_limit_a_run_goes_on_in_the_requeued_job(make_job_project: Make) -> None:
    project = make_job_project("time = 1\nmargin = 20", **HOLD)
    job = project.begin("Baseline")
    project.wait_for_attempt("Baseline", 2)
    project.wait_until_over()
    assert interrupted(project) == f"the time limit of job {job.label} is near; continues in the next"
    assert [facts["restarts"] for facts in project.facts("Baseline")] == [0, 1]


def test_slurms_warning_is_heard(make_job_project: Make) -> None:
    project = make_job_project("time = 5\nmargin = 200", **HOLD)
    job = project.begin("Baseline")
    project.cluster.call("scancel", "--batch", "--signal=USR1", job.label)
    project.wait_for_attempt("Baseline", 2)
    project.wait_until_over()
    assert interrupted(project) == f"the time limit of job {job.label} is near; continues in the next"


def test_a_warning_far_from_the_time_limit_is_heard_once_no_stop_was_requested(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.call("scancel", "--batch", "--signal=USR1", job.label)
    project.wait_for_attempt("Baseline", 2)
    project.wait_until_over()
    assert interrupted(project) == f"job {job.label} was sent USR1; continues in the next"


def test_a_stop_is_a_stop(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    project.begin("Baseline")
    stopped = project.project.run("stop", "Baseline")
    assert "stopped on request" in stopped.stdout + stopped.stderr
    rows = project.wait_until_over()
    assert rows["Baseline"]["state"] == "stopped"
    assert len(project.project.attempts("Baseline")) == 1


def test_what_is_cancelled_with_scancel_is_not_tried_again(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.call("scancel", job.label)
    rows = project.wait_until_over()
    assert rows["Baseline"]["state"] == "stopped"
    assert "cancelled with scancel" in rows["Baseline"]["reason"]
    project.wait_until_over()  # status submits what is missing: nothing is
    assert len(project.project.attempts("Baseline")) == 1
    assert project.project.of_role("worker") == []


def test_a_requeued_job_that_is_cancelled_while_it_waits_is_not_submitted_again(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.call("scontrol", "requeue", job.label)
    project.wait(lambda: project.job_of("Baseline").is_waiting, "it waits")
    project.cluster.call("scancel", job.label)
    rows = project.wait_until_over()
    project.wait_until_over()
    assert rows["Baseline"]["state"] == "stopped"
    assert len(project.facts("Baseline")) == 1


@pytest.mark.parametrize("mode", ["REQUEUE", "CANCEL"])
def test_a_preempted_run_goes_on(make_job_project: Make, mode: str) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    call = project.cluster.call
    call("scontrol", "update", "PartitionName=main", f"PreemptMode={mode}")
    try:
        call("sbatch", "-p", "high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 3")
        project.wait_for_attempt("Baseline", 2)
    finally:
        call("scontrol", "update", "PartitionName=main", "PreemptMode=REQUEUE")
    project.wait_until_over()
    assert interrupted(project) == f"job {job.label} was preempted; continues in the next"


def test_after_a_nodes_failure_the_run_goes_on(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.node_down(job.node)
    project.wait_for_attempt("Baseline", 2)
    project.cluster.node_up(job.node)
    project.wait_until_over()
    assert interrupted(project) == f"Slurm gave node {job.node} up under job {job.label}; continues in the next"


def test_requeued_by_hand(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.call("scontrol", "requeue", job.label)
    project.wait_for_attempt("Baseline", 2)
    project.wait_until_over()
    assert interrupted(project) == f"job {job.label} was requeued; continues in the next"


def test_a_job_that_runs_on_where_slurm_has_given_its_node_up_is_superseded(make_job_project: Make) -> None:
    project = make_job_project(**HOLD)
    job = project.begin("Baseline")
    project.cluster.kill_slurmd(job.node)
    project.cluster.node_down(job.node)
    project.wait_for_attempt("Baseline", 2)
    project.wait(lambda: project.job_of("Baseline").state == "COMPLETED", "it completes")
    project.wait(lambda: not project.project.of_role("worker"), "the superseded worker stops")
    project.cluster.start_slurmd(job.node)
    project.assert_undisturbed("Baseline", alone=False)  # for a moment there were two


@pytest.mark.parametrize("role", ["runner", "worker", "job"])
def test_whatever_is_killed_the_run_is_tried_again(make_job_project: Make, role: str) -> None:
    project = make_job_project(**HOLD)
    project.begin("Baseline")
    (victim,) = project.project.of_role(role)
    victim.kill(signal.SIGKILL)

    def again() -> bool:
        project.project.status()  # there is no daemon: a command submits what has no job any more
        return len(project.facts("Baseline")) >= 2

    project.wait(again, "a second attempt begins", 120)
    project.wait_until_over()
    project.assert_undisturbed("Baseline")
    assert len({facts["job"] for facts in project.facts("Baseline")}) == (2 if role == "job" else 1)


def test_a_run_that_always_dies_is_given_up(make_job_project: Make) -> None:
    project = make_job_project(behaviour="*=die:9")
    project.submit("--exp", "Baseline")
    project.wait(lambda: len(project.facts("Baseline")) >= 5, "it is tried again", 120)
    rows = project.wait_until_over()
    assert rows["Baseline"]["state"] == "killed"
    attempts = len(project.project.attempts("Baseline"))
    project.project.status()
    project.wait_until_over()
    assert len(project.project.attempts("Baseline")) == attempts


def test_a_run_whose_job_has_no_usable_gpu_fails_and_says_why(make_job_project: Make) -> None:
    project = make_job_project("gpus = 1", real=True)  # the cluster's GPUs are made up
    project.submit("--exp", "A1")
    row = project.wait_until_over()["A1"]
    assert row["state"] == "failed", project.outputs()
    assert "asked for 1 GPU, none is usable: " in row["reason"] and "gpus = 0 in [slurm]" in row["reason"]
    assert row["reason"] in project.outputs()


def test_four_runs_share_a_job_with_two_gpus(make_job_project: Make) -> None:
    """Each has a place and a lease of its own; the failure of one leaves the others alone."""
    project = make_job_project("gpus = 2\nruns_per_job = 4", study=FIVE, behaviour="A1=exit:3", seconds=0.3)
    project.submit("--all", "--policy", "greedy")
    project.wait(lambda: len(project.project.of_role("worker")) >= 2, "two run at once")
    rows = project.wait_until_over()
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {name: "failed" if name == "A1" else "completed" for name in rows}, project.outputs()
    jobs = {name: project.facts(name)[0]["job"] for name in rows}
    assert sorted(list(jobs.values()).count(job) for job in set(jobs.values())) == [1, 4]
    overlaps = project.project.witness / "overlaps"
    assert not overlaps.exists(), overlaps.read_text()
    assert not list((project.project.folder / "leases").glob("cpu-t-*"))  # places bear the job's name: none is left
