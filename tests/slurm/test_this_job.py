"""What a job takes from its environment, and from what scontrol prints of it."""

import pytest

from iqa_train.errors import RunError
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.this_job import parse_job, this_job

ENVIRONMENT = {
    "SLURM_JOB_ID": "20", "SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "3", "SLURMD_NODENAME": "n1",
    "SLURM_JOB_PARTITION": "main", "SLURM_CLUSTER_NAME": "t", "SLURM_CPUS_ON_NODE": "8", "SLURM_JOB_GPUS": "1",
}  # fmt: skip

SHOWN = (
    "JobId=20 ArrayJobId=17 ArrayTaskId=3 JobName=a b=c UserId=ann(1) JobState=RUNNING Reason=None Dependency=(null) "
    "Requeue=1 Restarts=2 RunTime=00:01:03 TimeLimit=00:02:00 StartTime=1796056959 EndTime=1796057079 Deadline=N/A "
    "PreemptEligibleTime=1796056959 PreemptTime=None Comment=iqa-train:x \n"
)


def test_a_task_of_an_array() -> None:
    job = this_job(ENVIRONMENT | {"SLURM_RESTART_COUNT": "2", "CUDA_VISIBLE_DEVICES": "0"})
    assert (job.label, job.id, job.restarts, job.gpus, job.cpus) == ("17_3", "20", 2, "0", 8)
    assert job.facts("t1") == {
        "job": "17_3", "id": "20", "restarts": 2, "node": "n1", "partition": "main", "token": "t1",
    }  # fmt: skip


def test_a_job_without_an_array_and_without_gpus() -> None:
    job = this_job({"SLURM_JOB_ID": "20"})
    assert (job.label, job.task, job.restarts, job.gpus, job.cpus) == ("20", None, 0, "", 1)


def test_no_job() -> None:
    with pytest.raises(RunError, match="not a job of Slurm's"):
        this_job({})


def test_what_scontrol_shows() -> None:
    now = parse_job(SHOWN)
    assert (now.state, now.reason, now.restarts, now.preempted) == ("RUNNING", "", 2, False)
    assert (now.start, now.end) == (1796056959.0, 1796057079.0)
    later = parse_job(SHOWN.replace("PreemptTime=None", "PreemptTime=1796057000").replace("1796057079", "Unknown"))
    assert later.preempted
    assert later.end is None


def test_another_answer_is_an_error() -> None:
    with pytest.raises(SlurmError):
        parse_job("slurm_load_jobs error: Invalid job id specified\n")
