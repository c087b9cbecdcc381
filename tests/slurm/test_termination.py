"""Why a job that was sent TERM ends, from what slurmstepd wrote and from Slurm's answer."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iqa_train.slurm.termination import Cause, OwnOutput, cause_of, why_terminated
from iqa_train.slurm.this_job import JobNow, ThisJob

JOB = ThisJob("17", 3, "20", 1, "n1", "main", "t", "0", 1)
RUNNING = JobNow("RUNNING", "", 1, 1000.0, 2000.0, preempted=False)
ENDING = replace(RUNNING, state="COMPLETING", end=1500.0)

NOTICES: dict[bytes, Cause | None] = {
    b"epoch 3 ***\n": None,
    b"slurmstepd-n1: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 ***\n": "cancelled",
    b"slurmstepd: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 DUE TO PREEMPTION ***\n": "preempted",
    b"slurmstepd: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 DUE TO TIME LIMIT ***\n": "time limit",
    b"x\nslurmstepd: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 DUE TO JOB REQUEUE ***\ny": "requeued",
    b"slurmstepd: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR "
    b"DETAILS ***\n": "node failure",
    b"slurmstepd: error: *** JOB 20 ON n1 CANCELLED AT 2026-11-30T16:41:40 DUE to SIGNAL Terminated ***\n": "cancelled",
}  # as 22.05 and 24.05 write them


@pytest.mark.parametrize(("output", "cause"), NOTICES.items())
def test_the_line_in_the_output(output: bytes, cause: Cause | None) -> None:
    assert cause_of(output) == cause


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (ENDING, "cancelled"),
        (replace(ENDING, state="CANCELLED"), "cancelled"),
        (replace(ENDING, preempted=True), "preempted"),
        (replace(RUNNING, preempted=True), "preempted"),
        (replace(ENDING, preempted=True, restarts=2), "preempted"),
        (replace(ENDING, reason="TimeLimit"), "time limit"),
        (replace(ENDING, restarts=2), "requeued"),
        (replace(RUNNING, state="PENDING", reason="BeginTime", restarts=2), "requeued"),
        (RUNNING, "unknown"),
        (replace(RUNNING, end=1502.0), "time limit"),
        (None, "unknown"),
    ],
)
def test_slurms_answer_where_nothing_was_written(answer: JobNow | None, cause: Cause) -> None:
    assert why_terminated(JOB, None, answer, 1500.0).cause == cause


def test_what_was_written_counts_before_the_answer() -> None:
    found = why_terminated(JOB, "node failure", replace(ENDING, restarts=2), 1500.0)
    assert found.words == "Slurm gave node n1 up under job 17_3"
    assert why_terminated(JOB, "cancelled", None, 1500.0).words == "cancelled with scancel"


def test_only_what_is_written_from_now_on_is_read(tmp_path: Path) -> None:
    """The output of a requeued job holds the line of its last start."""
    (_, preempted), (_, requeued) = [pair for pair in NOTICES.items() if pair[1] in {"preempted", "requeued"}]
    lines = {cause: line for line, cause in NOTICES.items()}
    with (tmp_path / "out").open("ab", buffering=0) as file:
        file.write(lines[preempted])
        output = OwnOutput(file.fileno())
        assert output.notice() is None
        file.write(lines[requeued])
        assert output.notice() == requeued


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_pipe_says_nothing() -> None:
    read, write = os.pipe()
    try:
        assert OwnOutput(write).notice() is None
    finally:
        os.close(read)
        os.close(write)
