"""Slurm follows the queue: batches, pause, moves, removals, refusals, and jobs that others cancel."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iqa_train.slurm.batch_script import FOLLOW_UP
from iqa_train.slurm.jobs import Job
from iqa_tui.actions.orders import StartOrder
from iqa_tui.actions.start import start
from iqa_tui.state.board import Target
from tests.faults.fault_project import FIVE
from tests.slurm.cluster import Cluster
from tests.slurm.slurm_project import SlurmProject, slurm_project

pytestmark = pytest.mark.slow
ON_SLURM = FIVE + '\n[slurm]\npartition = "main"\narray_limit = 2\n'


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> Iterator[SlurmProject]:
    """The five experiments; their runs hold in epoch 2 until they are let go."""
    with slurm_project(tmp_path / "project", cluster, ON_SLURM, behaviour="*=hold") as made:
        yield made


def _states(project: SlurmProject) -> dict[str, str]:
    return {row["experiment"]: row["state"] for row in project.status()["runs"]}


def _open(project: SlurmProject) -> list[Job]:
    return [job for job in project.cluster.jobs() if not job.has_ended and job.comment != FOLLOW_UP]


def _running(project: SlurmProject) -> list[str]:
    return [name for name, state in _states(project).items() if state == "running"]


def _completed(project: SlurmProject) -> bool:
    return all(state == "completed" for state in _states(project).values())


def test_a_later_batch_begins_after_the_one_before(project: SlurmProject) -> None:
    project.submit()
    project.wait("batch 1 is running", lambda: _running(project) == ["Baseline", "A1"])
    waiting = {row["experiment"]: row["reason"] for row in project.status()["runs"] if row["state"] == "queued"}
    assert list(waiting) == ["A2", "B1", "B2"]
    assert all("Dependency" in reason for reason in waiting.values())
    project.let_go()
    project.wait("all are complete", lambda: _completed(project))
    assert [len(run.attempts()) for run in project.folders().values()] == [1] * 5


def test_pausing_moving_and_removing_reach_slurm(project: SlurmProject) -> None:
    project.submit("--policy", "greedy")
    project.wait("two are running", lambda: len(_running(project)) == 2)
    assert len(_open(project)) == 5
    project.run("queue", "pause")
    held = [job for job in _open(project) if job.is_waiting]
    assert all(job.reason.startswith("JobHeld") for job in held)  # JobHeldAdmin, if root holds it
    reasons = [row["reason"] for row in project.status()["runs"] if row["state"] == "queued"]
    assert all(reason.startswith("the queue is paused") for reason in reasons)
    project.run("queue", "remove", "B1")
    assert len(_open(project)) == 4
    project.run("queue", "resume")
    project.run("queue", "move", "B2", "--to", "1")
    jobs = {row["experiment"]: row["job"] for row in project.status()["runs"] if row["state"] == "queued"}
    numbers = {name: tuple(map(int, job["id"].split("_"))) for name, job in jobs.items()}
    assert set(numbers) == {"A2", "B2"}
    assert numbers["B2"] < numbers["A2"]  # Slurm takes them in this order
    project.let_go()
    project.wait("all that are queued are complete", lambda: _completed(project))


def test_what_slurm_refuses_stays_queued_and_is_submitted_once_it_is_right(project: SlurmProject) -> None:
    project.cluster.refuse("sbatch", "sbatch: error: Batch job submission failed: Invalid account specified")
    said = project.run("--all", "--backend", "slurm", "--detach", code=1)
    assert "Slurm refused the job: Invalid account" in said.stderr
    assert "correct [slurm] and repeat this command" in said.stdout and "You can close" not in said.stdout
    assert set(_states(project).values()) == {"queued"}
    reasons = [row["reason"] for row in project.status()["runs"][:2]]
    assert all("Invalid account" in reason for reason in reasons)
    assert all("no job is left that would submit it again: iqa-train queue resume does" in reason for reason in reasons)
    assert "A1 was queued for Slurm" in project.run("--exp", "A1", code=2).stderr
    project.cluster.heal("sbatch")
    project.let_go()
    project.submit()
    project.wait("all are complete", lambda: _completed(project))


def test_a_repeated_start_gives_waiting_jobs_the_study_file_of_now(project: SlurmProject) -> None:
    project.cluster.call("scontrol", "create", "PartitionName=short", "Nodes=n1", "MaxTime=30")
    study = project.folder / "experiments.toml"
    study.write_text(study.read_text().replace('partition = "main"', 'partition = "short"\ntime = 60'))
    project.submit("--policy", "greedy")
    project.wait("it never starts", lambda: "PartitionTimeLimit" in project.row("Baseline")["reason"])
    study.write_text(study.read_text().replace("time = 60", "time = 10"))
    project.let_go()
    project.submit("--policy", "greedy")
    project.wait("all are complete", lambda: _completed(project))
    project.wait("no job is left", lambda: not _open(project))
    project.cluster.call("scontrol", "delete", "PartitionName=short")


def test_a_job_cancelled_before_it_begins_ends_its_run(project: SlurmProject) -> None:
    project.submit("--policy", "greedy")
    project.wait("two are running", lambda: len(_running(project)) == 2)
    job = next(job for job in _open(project) if job.is_waiting)
    project.cluster.call("scancel", job.label)
    row = project.wait(
        "its run is over",
        lambda: next((row for row in project.status()["runs"] if row["state"] == "stopped"), None),
    )
    assert row["reason"].startswith(f"job {job.label} was cancelled before it began")
    project.let_go()
    project.wait("the others are complete", lambda: list(_states(project).values()).count("completed") == 4)
    project.run("relaunch", row["experiment"])
    project.wait("all are complete", lambda: _completed(project))


def test_a_running_job_that_is_cancelled_and_one_that_is_stopped(project: SlurmProject) -> None:
    project.submit("--policy", "greedy")
    project.wait("two are running", lambda: len(_running(project)) == 2)
    first, second = _running(project)
    rows = {row["experiment"]: row for row in project.status()["runs"]}
    job = rows[first]["job"]["id"]
    project.cluster.call("scancel", job)
    project.wait("its run is over", lambda: project.row(first)["state"] == "stopped")
    assert project.row(first)["reason"].startswith("cancelled with scancel")
    assert project.row(first)["reason"].endswith(f"iqa-train relaunch {first} continues")
    assert "stopped on request" in project.run("stop", second).stdout
    assert project.row(second)["state"] == "stopped"


def test_the_console_starts_a_study_on_slurm(project: SlurmProject, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.folder)
    said = start(Target(), StartOrder(experiments=("Baseline", "A1"), backend="slurm"))
    assert "2 runs queued: Baseline and A1" in said
    project.let_go()
    project.wait("both are complete", lambda: list(_states(project).values()) == ["completed", "completed"])
