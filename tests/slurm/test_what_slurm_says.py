"""What Slurm's commands say is not believed where they leave something out, break off, or belong to another cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iqa_train.scheduler.slurm.cluster_look import _forgotten
from iqa_train.scheduler.slurm.submissions import Submission, Submitter
from iqa_train.slurm.jobs import parse_tasks
from iqa_train.slurm.this_cluster import ThisCluster, parse_configuration
from tests.faults.fault_project import FIVE, PROGRAM
from tests.slurm.cluster import Cluster, running_cluster
from tests.slurm.slurm_project import SlurmProject, slurm_project


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> Iterator[SlurmProject]:
    """The five experiments; their runs hold in epoch 2 until they are let go."""
    with slurm_project(tmp_path / "p", cluster, FIVE + '\n[slurm]\npartition = "main"\n', behaviour="*=hold") as made:
        yield made


def _states(project: SlurmProject) -> dict[str, str]:
    return {row["experiment"]: row["state"] for row in project.status()["runs"]}


def _completed_once(project: SlurmProject) -> None:
    project.let_go()
    project.wait("all are complete", lambda: set(_states(project).values()) == {"completed"}, 120)
    assert [len(run.attempts()) for run in project.folders().values()] == [1] * 5


@pytest.mark.slow
@pytest.mark.parametrize("says", ["exit 0", "echo weird words; exit 0", '{real} "$@" | head -n 1; exit 0'])
def test_a_list_of_jobs_that_is_not_whole(project: SlurmProject, says: str) -> None:
    project.submit()
    project.wait("batch 1 is running", lambda: list(_states(project).values()).count("running") == 2)
    before, jobs = _states(project), {job.label for job in project.cluster.jobs()}
    project.cluster.script("squeue", says)
    for _ in range(2):
        project.run("queue", "resume")  # which reconciles in any case
        assert _states(project) == before
    project.cluster.heal("squeue")
    assert {job.label for job in project.cluster.jobs()} == jobs
    _completed_once(project)


@pytest.mark.slow
def test_another_cluster_with_the_same_home(project: SlurmProject) -> None:
    project.submit()
    project.wait("batch 1 is running", lambda: list(_states(project).values()).count("running") == 2)
    before = _states(project)
    with running_cluster() as other:
        there = project.environment() | other.environment()
        shown = subprocess.run(
            [*PROGRAM, "status"], cwd=project.folder, env=there, capture_output=True, text=True, check=True
        )
        assert shown.stdout.count("submitted to the cluster t (") == 3
        assert shown.stdout.count("running") == 3  # with the headline
        assert other.jobs() == []
    assert _states(project) == before
    _completed_once(project)


@pytest.mark.slow
@pytest.mark.parametrize("says", ['{real} "$@" >/dev/null; kill -9 $$', '{real} "$@"; exit 1'])
def test_a_job_that_was_accepted_although_sbatch_failed(project: SlurmProject, says: str) -> None:
    project.cluster.script("sbatch", says)
    project.start("--all", "--backend", "slurm", "--detach").communicate(timeout=60)
    project.cluster.heal("sbatch")
    _completed_once(project)


def test_which_cluster_it_is() -> None:
    text = "Configuration data as of x\nBOOT_TIME               = 1796074000\nClusterName             = gpu\n"
    text += "SlurmctldHost[0]        = head(10.0.0.1)\nSlurmctldPort           = 6817\n"
    assert parse_configuration(text) == ThisCluster("gpu (head:6817)", 1796074000.0)


def test_the_tasks_that_a_controller_has() -> None:
    lines = [
        "JobId=20 ArrayJobId=17 ArrayTaskId=3 JobName=a JobState=RUNNING Reason=None",
        "JobId=21 ArrayJobId=17 ArrayTaskId=4 JobName=a JobState=COMPLETED Reason=None",
        "JobId=17 ArrayJobId=17 ArrayTaskId=5-7,12,20-24:2%4 JobName=a JobState=PENDING Reason=None",
    ]
    assert parse_tasks("\n".join(lines)) == {3, 5, 6, 7, 12, 20, 22, 24}
    assert parse_tasks("JobId=17 JobName=a JobState=PENDING") == {None}
    assert parse_tasks("") == frozenset()


@pytest.mark.parametrize(("booted", "forgotten"), [(900.0, {"5"}), (1100.0, set()), (None, set())])
def test_a_controller_that_has_run_all_the_time_has_lost_nothing(booted: float | None, forgotten: set[str]) -> None:
    one = Submission("t", (("a",),), {"a": 0}, {}, 1, "batches", 1000.0, Submitter("h", "b", 1, 1), "c", "5")
    assert _forgotten([one], {"t": {}}, ThisCluster("c", booted)) == forgotten
