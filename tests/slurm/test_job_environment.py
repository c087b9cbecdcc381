"""What a run in a job finds in its environment."""

from pathlib import Path

from iqa_train.scheduler.slurm.job_environment import job_environment

SHELL = {
    "PATH": "/node/bin", "HOME": "/home/ann", "CUDA_VISIBLE_DEVICES": "1", "HF_HOME": "/later", "TMPDIR": "/scratch/20",
    "TORCH_HOME": "/scratch/torch",
}  # fmt: skip
QUEUED = {"PATH": "/login/bin", "HF_HOME": "/queued", "CUDA_VISIBLE_DEVICES": "", "XDG_CACHE_HOME": "{project}/cache"}


def test_the_node_and_the_setup_win_and_the_rest_is_as_it_was_queued() -> None:
    found = job_environment(QUEUED, Path("/p"), ["module load cuda", "export TORCH_HOME=$TMPDIR/torch"], SHELL)
    assert found == {
        "PATH": "/node/bin", "HOME": "/home/ann", "CUDA_VISIBLE_DEVICES": "1", "HF_HOME": "/queued",
        "TMPDIR": "/scratch/20", "TORCH_HOME": "/scratch/torch", "XDG_CACHE_HOME": "/p/cache",
    }  # fmt: skip


def test_what_was_not_set_when_it_was_queued_is_not_set() -> None:
    assert "TORCH_HOME" not in job_environment(QUEUED, Path("/p"), [], SHELL)
