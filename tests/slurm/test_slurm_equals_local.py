"""What the real trainer computes in jobs of Slurm is bit for bit what it computes without."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open

from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import epoch_events
from tests.conftest import Project, write_small_study
from tests.faults.fault_project import assert_same_results
from tests.slurm.cluster import Cluster, wait_until
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


def figures(run: Path) -> list[tuple[int, float, float]]:
    """Of each epoch."""
    return [(event["epoch"], event["train_loss"], event["val_srcc"]) for event in epoch_events(RunFolder(run))]


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


def test_the_demo_study(cluster: Cluster, tmp_path: Path) -> None:
    """Two of its experiments, with one epoch of their five; the images are made once for both."""
    both = []
    for name in ("local", "slurm"):
        folder = tmp_path / name
        folder.mkdir()
        if both:
            shutil.copytree(both[0].folder / "cache", folder / "cache")
        both.append(Project(folder))
        backend = ["--backend", "slurm", "--detach"] if name == "slurm" else ["--slots", "1"]
        both[-1].run(
            "--demo", "--exp", "Baseline", "A2", "--epochs", "1", "--policy", "greedy", *backend, timeout=PATIENCE
        )
    local, slurm = both
    wait_until(lambda: all(job.has_ended for job in cluster.jobs()), "no job is left", PATIENCE)
    rows = json.loads(slurm.run("status", "--demo", "--json").stdout)["runs"]
    assert [row["state"] for row in rows] == ["completed"] * 2
    for row in rows:
        name = row["experiment"]
        assert figures(slurm.run_folder(name, "demo")) == figures(local.run_folder(name, "demo"))
        assert_same_bits(slurm.run_folder(name, "demo"), local.run_folder(name, "demo"))
    tables = [project.run("results", "--demo", "--json").stdout for project in both]
    assert json.loads(tables[0])["rows"] == json.loads(tables[1])["rows"]
