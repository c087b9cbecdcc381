"""A study on a real Slurm goes on by itself: after the start no command is given, and no console is open."""

import shutil
import signal

import pytest

from tests.conftest import STUDY
from tests.faults.fault_project import FIVE
from tests.slurm.job_project import JobProject, Make

pytestmark = pytest.mark.slow

HOLD = {"behaviour": "*=hold@1", "seconds": 0.2}

# What a site does that lets a user have two submitted jobs; the tasks of an array count each.
TWO_JOBS = """#!/bin/bash
script=$(cat)
there=$(squeue -h -r -t PD,R,CG | wc -l)
last=$(sed -n 's/.*--array=0-\\([0-9]*\\).*/\\1/p' <<< "$script")
if [ $((there + ${last:-0} + 1)) -gt 2 ]; then
    echo "sbatch: error: AssocMaxSubmitJobLimit" >&2
    echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)" >&2
    exit 1
fi
exec REAL "$@" <<< "$script"
"""


def results(project: JobProject) -> int:
    """How many runs have one; asks nothing of any program."""
    return len(list((project.project.folder / "runs" / "small").glob("*/*/result.json")))


def kill_jobs(project: JobProject) -> None:
    """As the kernel does where memory is short."""
    for process in project.project.of_role("job"):
        process.kill(signal.SIGKILL)


def test_the_second_array_under_a_limit_is_released_when_the_first_has_ended(make_job_project: Make) -> None:
    study = STUDY.replace("attention_fusion = false }", "attention_fusion = false }\nslurm = { cpus = 2 }", 1)
    project = make_job_project("array_limit = 1", study=study)
    project.submit("--exp", "Baseline", "A1")
    project.wait(lambda: results(project) == 2, "both have a result")


def test_further_rounds_are_queued_and_submitted(make_job_project: Make) -> None:
    study = STUDY.replace("[[experiments]]", "[design]\nmin_seeds = 3\nmax_seeds = 6\n\n[[experiments]]", 1)
    project = make_job_project(study=study)
    project.submit("--all", "--until-decided")
    looks = project.project.folder / "runs" / "queue.json"
    project.wait(lambda: "look at 4" in looks.read_text(), "the runs of a second round have ended")
    project.wait(lambda: "given up" in looks.read_text(), "the rounds are over")
    assert results(project) >= 12


@pytest.mark.parametrize("what", [("--exp", "Baseline"), ("--all",)])
def test_after_all_jobs_that_run_were_killed(make_job_project: Make, what: tuple[str, ...]) -> None:
    """The only job, or both of the first of two batches."""
    project = make_job_project(study=FIVE, **HOLD)
    project.submit(*what)
    runs = 5 if what == ("--all",) else 1
    for name in ("Baseline", "A1")[:runs]:
        project.project.wait_for_worker(name)
    kill_jobs(project)
    project.project.let_go()
    project.wait(lambda: results(project) == runs, "each run has a result")
    project.wait_until_over()


def test_where_a_site_takes_two_jobs_at_a_time(make_job_project: Make) -> None:
    project = make_job_project(study=FIVE)
    wrapper = project.cluster.folder / "bin" / "sbatch"
    before = wrapper.read_text()
    wrapper.write_text(TWO_JOBS.replace("REAL", str(shutil.which("sbatch", path="/usr/bin:/bin"))))
    try:
        project.project.run("--all", "--backend", "slurm", "--detach", code=1)
        project.wait(lambda: results(project) == 5, "each run has a result", 120)
    finally:
        wrapper.write_text(before)


def test_a_run_whose_job_could_not_begin_it_has_a_later_job_and_is_given_up(make_job_project: Make) -> None:
    project = make_job_project('setup = ["exit 0"]')
    project.submit("--exp", "Baseline", "--retries", "1")
    rows = [project.project.row("Baseline")]

    def reason(words: str) -> bool:
        rows.append(project.project.row("Baseline"))
        return words in str(rows[-1]["reason"])

    project.wait(lambda: reason("tries again at"), "its next job begins later")
    assert "setup ended the shell before the run began" in rows[-1]["reason"]
    assert rows[-1]["job"]["state"] == "PENDING"
    project.wait(lambda: reason("iqa-train queue resume submits it again"), "it is given up")
    jobs = len(project.cluster.jobs())
    project.project.status()
    assert len(project.cluster.jobs()) == jobs


def test_what_two_terminals_queue_at_once_is_all_submitted(make_job_project: Make) -> None:
    """The second gives up its turn after half a minute, while Slurm still answers the first slowly."""
    project = make_job_project(study=FIVE)
    project.cluster.hang("sbatch", 12)  # four times, of three arrays
    first = project.project.start("--exp", "Baseline", "A1", "A2", "B1", "--backend", "slurm", "--detach")
    project.wait(lambda: project.cluster.is_met("sbatch"), "the first submits")
    project.project.run("--exp", "B2", "--backend", "slurm", "--detach")
    project.cluster.heal("sbatch")
    assert first.wait(120) == 0
    project.wait(lambda: results(project) == 5, "each run has a result")
