"""Slurm's reasons: its own word always, and what it means where that is known."""

import time
from dataclasses import replace
from datetime import datetime

import pytest

from iqa_train.slurm.answer import Answer
from iqa_train.slurm.job_watch import JobList
from iqa_train.slurm.reasons import meaning, silence_words, waiting_words

WAITING = Answer("waiting", "17_3", "PENDING", "Priority")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Priority", "higher priority"),
        ("Resources", "no node has room"),
        ("Dependency", "have ended"),
        ("QOSMaxGRESPerUser", "your jobs have as many GPUs (GRES) already as the QOS allows"),
        ("QOSMaxJobsPerUserLimit", "your jobs have as many running jobs already as the QOS allows"),
        ("QOSMaxMemoryPerUser", "as much memory"),
        ("QOSMaxWallDurationPerJobLimit", "more time than the QOS allows one job"),
        ("AssocGrpGRES", "jobs of your account have as many GPUs (GRES) already as your account allows"),
        ("AssocGrpCPUMinutesLimit", "CPUs over time"),
        ("AssocMaxJobsLimit", "jobs of your account have as many running jobs"),
        ("QOSMinGRES", "never starts"),
        ("(ReqNodeNotAvail, UnavailableNodes:n[1-2])", "down, drained or reserved"),
        ("JobHeldUser", "`scontrol release 17_3`"),
        ("BeginTime", "may not begin yet"),
        ("JobArrayTaskLimit", "array_limit"),
        ("PartitionTimeLimit", "repeat the start"),
        ("BadConstraints", "never starts"),
        ("launch failed requeued held", "`scontrol release 17_3` tries again"),
        ("launch_failed_requeued_held", "`scontrol release 17_3` tries again"),
        ("MaxSomethingNewPerMoon", ""),
    ],
)
def test_a_reason_is_shown_in_slurms_word_and_explained_where_it_is_known(reason: str, words: str) -> None:
    job = replace(WAITING, reason=reason)
    assert waiting_words(job) == f"Slurm job 17_3: {reason}"
    assert words in meaning(job)
    assert bool(words) == bool(meaning(job))


def test_the_expected_start_has_its_date_if_that_is_not_today() -> None:
    now = time.time()
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp() + 86400
    later = datetime.fromtimestamp(midnight + 3 * 86400)
    words = waiting_words(replace(WAITING, start=later.timestamp()))
    assert words == f"Slurm job 17_3: Priority, expected to start on {later:%Y-%m-%d} at {later:%H:%M}"
    assert waiting_words(replace(WAITING, start=now - 60)) == "Slurm job 17_3: Priority"  # that moment has passed


def test_a_job_held_because_the_queue_is_paused_says_so() -> None:
    held = replace(WAITING, reason="JobHeldUser")
    assert waiting_words(held, paused=True) == "the queue is paused; Slurm job 17_3 is held"
    assert meaning(held, paused=True) == ""


def test_a_silent_slurm_is_named_with_the_time_of_what_is_shown() -> None:
    at = datetime.now().replace(second=0, microsecond=0)
    assert silence_words(JobList((), at.timestamp())) == ""
    words = silence_words(JobList((), at.timestamp(), "squeue was refused"))
    assert words == (
        f"Slurm does not answer since {at:%H:%M} (squeue was refused); what is shown of its jobs is from then"
    )
    assert "unknown" in silence_words(JobList((), None, "squeue was refused"))
