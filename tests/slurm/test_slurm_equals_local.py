"""What the real trainer computes in jobs of Slurm is bit for bit what it computes without."""

from pathlib import Path

import pytest
from safetensors import safe_open

from tests.conftest import write_small_study
from tests.faults.fault_project import assert_same_results
from tests.slurm.job_project import Make

pytestmark = pytest.mark.slow

PATIENCE = 900.0  # seconds for trainings beside others


def assert_same_bits(one: Path, other: Path) -> None:
    """Predictions and checkpoints of two run folders."""
    names = sorted(path.name for path in one.glob("predictions-*.csv"))
    assert names
    assert [(one / name).read_bytes() for name in names] == [(other / name).read_bytes() for name in names]
    for name in ("best", "last"):
        with (
            safe_open(one / "checkpoints" / f"{name}.safetensors", "np") as a,
            safe_open(other / "checkpoints" / f"{name}.safetensors", "np") as b,
        ):
            assert set(a.keys()) == set(b.keys())
            assert all(a.get_tensor(k).tobytes() == b.get_tensor(k).tobytes() for k in a.keys())  # noqa: SIM118


def test_a_study_of_which_a_run_is_requeued_in_the_middle(make_job_project: Make, tmp_path: Path) -> None:
    local = write_small_study(tmp_path / "local")
    local.run("--all", timeout=PATIENCE)
    project = make_job_project(real=True)
    project.submit("--all", "--policy", "greedy")
    project.wait(lambda: len(project.project.epochs("A1")) >= 1, "A1 has an epoch", PATIENCE)
    project.cluster.call("scontrol", "requeue", project.facts("A1")[0]["job"])
    rows = project.wait_until_over(PATIENCE)
    assert {row["state"] for row in rows.values()} == {"completed"}, project.outputs()
    assert_same_results(project.project, local)
    for name in rows:
        assert_same_bits(project.project.run_folder(name), local.run_folder(name))
    assert len(project.facts("A1")) == 2
