"""Slurm's commands: a time limit, and one sentence with Slurm's own words when they fail."""

import os
import time

import pytest

from iqa_train.slurm import commands
from iqa_train.slurm.commands import SlurmError
from tests.slurm.fake_commands import FakeCommands

REFUSALS = {
    "sbatch: error: invalid partition specified: nosuch\n"
    "sbatch: error: Batch job submission failed: Invalid partition name specified": "`sinfo -s` lists the partitions",
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified": (
        "`sacctmgr show associations user=$USER` lists your accounts"
    ),
    "sbatch: error: QOSMaxGRESPerUser\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
    "(job submit limit, user's size and/or time limits)": "ask for less in [slurm]",
    "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)": (
        "`sinfo -o '%P %l'`"
    ),
    "sbatch: error: Batch job submission failed: Invalid generic resource (gres) specification": "`sinfo -o '%P %G'`",
    "sbatch: unrecognized option '--frob'\nTry \"sbatch --help\" for more information": "`extra`",
}
PASSING = [
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "slurm_load_jobs error: Transport endpoint is not connected",
    "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS "
    "policy (job submit limit, user's size and/or time limits)",
    "sbatch: error: If munged is up, restart with --num-threads=10\nsbatch: error: Munge encode failed: Failed to "
    'access "/run/munge/munge.socket.2"\nsbatch: error: Batch job submission failed: Protocol authentication error',
    "sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\nsbatch: error: fetch_config: DNS SRV "
    "lookup failed",
    "slurm_load_jobs error: Rate limit exceeded, please retry momentarily",
]


@pytest.mark.parametrize("complaint", REFUSALS)
def test_a_refused_job_is_one_sentence_with_slurms_words_and_what_to_do(fakes: FakeCommands, complaint: str) -> None:
    fakes.put("sbatch", f"cat >&2 <<'E'\n{complaint}\nE", "exit 1")
    with pytest.raises(SlurmError) as caught:
        commands.sbatch("#!/bin/sh\n")
    sentence = str(caught.value)
    assert sentence.startswith("Slurm refused the job: ")
    assert "\n" not in sentence
    assert "sbatch: error" not in sentence
    assert complaint.splitlines()[-1].rpartition(": ")[2] in sentence or "--frob" in sentence
    assert REFUSALS[complaint] in sentence
    assert not caught.value.passing
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("complaint", PASSING)
def test_what_may_pass_is_told_from_what_is_refused(fakes: FakeCommands, complaint: str) -> None:
    fakes.put("sbatch", f"cat >&2 <<'E'\n{complaint}\nE", "exit 1")
    with pytest.raises(SlurmError) as caught:
        commands.sbatch("#!/bin/sh\n")
    assert caught.value.passing
    assert str(caught.value).startswith("sbatch failed for now: ")


def test_a_command_that_hangs_is_killed_with_its_children_and_its_words_are_kept(fakes: FakeCommands) -> None:
    fakes.put("squeue", "echo 'squeue: error: Slurm temporarily unable' >&2", "sleep 57.5 & echo $! > $0.child; wait")
    began = time.monotonic()
    with pytest.raises(SlurmError, match=r"within 1 s \(it said \"Slurm temporarily unable\"\)") as caught:
        commands.call("squeue", limit=1)
    assert caught.value.passing
    assert time.monotonic() - began < 10
    child = int((fakes.folder / "squeue.child").read_text())
    for _ in range(600):
        if not os.path.exists(f"/proc/{child}"):  # noqa: PTH110
            return
        time.sleep(0.1)
    pytest.fail("the child of squeue is still there")


def test_a_child_that_has_left_its_session_does_not_hold_the_caller_up(fakes: FakeCommands) -> None:
    fakes.put("squeue", "setsid sleep 8 & sleep 8")
    began = time.monotonic()
    with pytest.raises(SlurmError, match="did not answer"):
        commands.call("squeue", limit=0.5)
    assert time.monotonic() - began < 6


def test_a_command_that_is_missing(fakes: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(fakes.folder))
    assert not commands.is_available()
    with pytest.raises(SlurmError, match="sbatch is not installed here: use a login node") as caught:
        commands.sbatch("#!/bin/sh\n")
    assert not caught.value.passing


@pytest.mark.parametrize(("answer", "job"), [("17", "17"), ("17;cluster", "17"), ("Welcome to site 3\n18", "18")])
def test_the_number_of_the_job_in_sbatchs_answer(fakes: FakeCommands, answer: str, job: str) -> None:
    fakes.put("sbatch", f"cat <<'E'\n{answer}\nE")
    assert commands.sbatch("#!/bin/sh\n") == job


def test_an_answer_without_a_number_is_an_error(fakes: FakeCommands) -> None:
    fakes.put("sbatch", "echo Submitted to the night queue")
    with pytest.raises(SlurmError, match='named no job: it answered "Submitted to the night queue"'):
        commands.sbatch("#!/bin/sh\n")


def test_the_environment_neither_overrides_the_script_nor_hands_on_a_surrounding_job(
    fakes: FakeCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.put("sbatch", f"env > {fakes.folder}/env", "echo 1")
    given = {
        "SBATCH_PARTITION": "p", "SBATCH_TIMELIMIT": "1", "SBATCH_ACCOUNT": "mine", "SBATCH_WAIT": "1",
        "SLURM_JOB_ID": "4", "SLURM_MEM_PER_NODE": "3", "CUDA_VISIBLE_DEVICES": "1", "SLURM_CLUSTERS": "c",
        "SQUEUE_STATES": "CD", "SLURM_TIME_FORMAT": "relative",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    commands.sbatch("#!/bin/sh\n#SBATCH --partition=gpu\n#SBATCH --time=10\n")
    seen = dict(line.split("=", 1) for line in (fakes.folder / "env").read_text().splitlines() if "=" in line)
    assert {name: seen[name] for name in given if name in seen} == {
        "SBATCH_ACCOUNT": "mine", "SLURM_CLUSTERS": "c", "SLURM_TIME_FORMAT": "%s",
    }  # fmt: skip


def test_cancelling_passes_over_what_has_ended_and_splits_long_lists(fakes: FakeCommands) -> None:
    fakes.put("scancel", "echo 'scancel: error: Kill job error on job id 7: Invalid job id specified' >&2", "exit 1")
    commands.scancel(f"7_{k}" for k in range(450))
    assert [len(call.split()) for call in fakes.calls("scancel")] == [200, 200, 50]
    fakes.put("scancel", "echo 'scancel: error: Kill job error on job id 7: Access/permission denied' >&2", "exit 1")
    with pytest.raises(SlurmError, match="Access/permission denied"):
        commands.scancel(["7"])
    commands.scancel([])
