"""Against a real Slurm: what commands, jobs and the tests' own cluster do."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from iqa_train.slurm import commands
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import JobWatch
from iqa_train.slurm.jobs import Job
from tests.slurm.cluster import Cluster, missing, wait_until

SLEEP = "#!/bin/sh\n#SBATCH --output=/dev/null --requeue\n{options}\nexec sleep {seconds}\n"


def submit(seconds: float, options: str = "") -> str:
    text = f"#SBATCH {options}" if options else ""
    return commands.sbatch(SLEEP.format(options=text, seconds=seconds))


def states(cluster: Cluster, array: str) -> list[str]:
    return sorted(job.state for job in cluster.jobs() if job.array == array)


def the_job(cluster: Cluster, array: str) -> Job:
    (job,) = (job for job in cluster.jobs() if job.array == array)
    return job


def test_an_array_from_submission_to_its_end(cluster: Cluster) -> None:
    before = time.time()
    array = submit(300, "--array=0-3%2 --comment=iqa-train:abc --gres=gpu:1 --time=10 --job-name='a|b, c'")
    wait_until(lambda: states(cluster, array) == ["PENDING"] * 2 + ["RUNNING"] * 2, "two tasks run")
    found = JobWatch().look(0)
    waiting = found.by_task[array, 3]
    running = found.by_task[array, 0]
    assert (waiting.reason, waiting.node, waiting.comment) == ("JobArrayTaskLimit", "", "iqa-train:abc")
    assert (running.node in {"n1", "n2"}, running.name, running.restarts) == (True, "a|b, c", 0)
    assert running.start is not None
    assert running.end is not None
    assert before - 2 < running.start < time.time() + 2
    assert running.end - running.start == 600
    assert found.by_id[running.id] is running
    commands.scancel([array])
    wait_until(lambda: states(cluster, array) == ["CANCELLED"] * 4, "all are cancelled")
    commands.scancel([array, f"{array}_2", "999999"])


def test_hold_release_update_and_requeue(cluster: Cluster) -> None:
    job = submit(300, "--begin=now+1hour")
    commands.hold([job, "999999"])
    wait_until(lambda: the_job(cluster, job).reason.startswith("JobHeld"), "it is held")
    commands.update(job, StartTime="now", Nice=5)
    commands.requeue(job)  # waits already
    commands.release([job, "999999"])
    wait_until(lambda: the_job(cluster, job).state == "RUNNING", "it runs")
    commands.requeue(job)
    wait_until(lambda: the_job(cluster, job).restarts == 1, "it was requeued")
    with pytest.raises(SlurmError, match="Invalid job id specified for job 999999"):
        commands.update("999999", Nice=5)
    with pytest.raises(SlurmError, match="Invalid job id"):
        commands.requeue("999999")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            "--partition=nosuch",
            "invalid partition specified: nosuch; Invalid partition name specified; `sinfo -s` lists",
        ),
        ("--gres=gpu:9", "Requested node configuration is not available; `sinfo -o '%P %c %m %G'`"),
        ("--gres=tpu:1", "Invalid generic resource (gres) specification; `sinfo -o '%P %G'`"),
        ("--constraint=x", "Invalid feature specification; `sinfo -o '%P %f'`"),
        ("--array=0-999999999", "Invalid job array specification; `scontrol show config | grep MaxArraySize`"),
        ("--frob", "unrecognized option '--frob'; `man sbatch`"),
    ],
)
def test_what_slurm_refuses(cluster: Cluster, options: str, sentence: str) -> None:
    with pytest.raises(SlurmError) as caught:
        submit(1, options)
    assert str(caught.value).startswith(f"Slurm refused the job: {sentence}")
    assert not caught.value.passing


@pytest.mark.slow
def test_without_a_controller_each_call_fails_in_time_and_may_pass(cluster: Cluster) -> None:
    job = submit(300)
    watch = JobWatch()
    wait_until(lambda: watch.look(0).by_id[job].is_on_node, "it runs")
    cluster.wait_until_saved()
    cluster.kill_controller()
    began = time.monotonic()
    lost = watch.look(0)
    assert time.monotonic() - began < 15
    assert not lost.is_known
    assert lost.by_id[job].is_on_node
    for call in (lambda: submit(1), lambda: commands.scancel([job]), lambda: commands.requeue(job)):
        with pytest.raises(SlurmError) as caught:
            call()
        assert caught.value.passing, str(caught.value)
    cluster.start_controller()
    wait_until(lambda: JobWatch().look(0).by_id[job].is_on_node, "the job is known again")


@pytest.mark.slow
def test_faults_of_nodes(cluster: Cluster) -> None:
    job = submit(300, "--nodelist=n1")
    wait_until(lambda: the_job(cluster, job).state == "RUNNING", "it runs")
    cluster.node_down("n1")
    wait_until(lambda: the_job(cluster, job).is_waiting and the_job(cluster, job).restarts == 1, "it was requeued")
    cluster.node_up("n1")
    wait_until(lambda: the_job(cluster, job).state == "RUNNING", "it runs again")
    cluster.drain("n1")
    assert the_job(cluster, job).state == "RUNNING"
    cluster.kill_slurmd("n1")
    cluster.node_down("n1")
    wait_until(lambda: the_job(cluster, job).restarts == 2, "it was requeued")
    cluster.start_slurmd("n1")
    wait_until(lambda: cluster.node_states()["n1"] in {"down", "drained", "idle", "mixed"}, "its slurmd is back")


def test_a_job_goes_on_while_its_slurmd_is_dead_and_the_controller_has_given_it_up(
    cluster: Cluster, tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    loop = f"while :; do date +%s.%N > {beat}; sleep 0.05; done"
    job = commands.sbatch(f"#!/bin/sh\n#SBATCH --output=/dev/null --requeue --nodelist=n1\n{loop}\n")
    wait_until(beat.exists, "it runs")
    cluster.kill_slurmd("n1")
    cluster.node_down("n1")
    wait_until(lambda: the_job(cluster, job).is_waiting, "the controller requeues it")
    last = beat.read_text()
    wait_until(lambda: beat.read_text() not in {"", last}, "it goes on")


def test_a_higher_partition_preempts(cluster: Cluster) -> None:
    low = submit(300, "--array=0-1 --gres=gpu:2")
    wait_until(lambda: states(cluster, low) == ["RUNNING"] * 2, "both run")
    high = submit(300, "--partition=high --gres=gpu:2")
    wait_until(lambda: states(cluster, high) == ["RUNNING"], "the higher one runs")
    wait_until(lambda: states(cluster, low) == ["PENDING", "RUNNING"], "one waits again")


def test_a_command_can_be_made_to_refuse_and_to_hang(cluster: Cluster) -> None:
    cluster.refuse("sbatch", "sbatch: error: Batch job submission failed: it's Tuesday")
    with pytest.raises(SlurmError, match="Slurm refused the job: it's Tuesday"):
        submit(1)
    cluster.hang("squeue", 30)
    with pytest.raises(SlurmError, match="did not answer squeue within 1 s"):
        commands.call("squeue", limit=1)
    cluster.heal()
    submit(1)


@pytest.mark.slow
def test_nothing_is_left_of_a_cluster_whose_process_is_killed(cluster: Cluster) -> None:
    script = (
        "import os, signal\nfrom tests.slurm.cluster import Cluster\nc = Cluster()\nc.start()\n"
        "print(c.configuration, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    configuration = done.stdout.strip()
    assert configuration
    wait_until(lambda: not left(configuration), "its daemons are gone")
    shutil.rmtree(Path(configuration).parent)


def left(configuration: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SLURM_CONF") == configuration:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_can_start_one() -> None:
    if reason := missing():
        pytest.skip(reason)
    script = (
        "from tests.slurm.cluster import running_cluster, wait_until\nwith running_cluster() as c:\n"
        "    print(c.call('sbatch', '--parsable', '-o', '/dev/null', '--wrap', 'true'))\n"
        "    wait_until(lambda: c.jobs()[0].has_ended, 'it has ended')\n    print(c.jobs()[0].state)"
    )
    done = subprocess.run(
        ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", sys.executable, "-c", script],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["1", "COMPLETED"], done.stderr
