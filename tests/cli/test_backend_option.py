"""--backend slurm: what it cannot be combined with, and the batch scripts of a dry run, without Slurm."""

import json
import re
import subprocess

import pytest

from iqa_train.scheduler.queue import Item, Queue, edit_queue, read_queue
from tests.conftest import Project
from tests.slurm.fake_commands import FakeCommands

SLURM = '[slurm]\npartition = "gpu"\ntime = "2:00:00"\ngpus = 1\ncpus = 4\n'
DRY = ("--backend", "slurm", "--dry-run")


def options_of(script: str) -> dict[str, str]:
    """The options of sbatch in a script, by name."""
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", script, re.MULTILINE))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--gpu", "0"),
            "--gpu and --backend slurm cannot be combined: Slurm chooses the GPUs of a job; gpus in [slurm]",
        ),
        (("--slots", "2"), "--slots and --backend slurm cannot be combined: they are of this machine; cpus in [slurm]"),
        (
            ("--runs_per_gpu", "2"),
            "--runs_per_gpu has no effect with one run in a job; runs_per_job in [slurm] gives it",
        ),
    ],
)
def test_options_that_choose_a_device_are_refused(project: Project, words: tuple[str, ...], says: str) -> None:
    for more in ((), ("--dry-run",)):
        found = project.run("--all", "--backend", "slurm", *words, *more, code=2)
        assert says in found.stderr and not found.stdout


@pytest.mark.parametrize("option", ["retries", "slots", "runs_per_gpu"])
def test_a_number_that_no_file_holds_is_refused(project: Project, option: str) -> None:
    for number in ("99999999999999999999", "9" * 5000):
        found = project.run("--all", "--detach", f"--{option}", number, code=2)
        assert f"{number[:25]} is too large; allowed: whole numbers from" in found.stderr
    assert not (project.folder / "runs" / "queue.json").exists()


def test_a_run_that_was_queued_for_slurm_trains_here_only_if_that_is_asked_for(project: Project) -> None:
    planned = json.loads(project.run("--exp", "A1", "--dry-run", "--json").stdout)["runs"][0]["run_dir"]
    runs_dir = project.folder / "runs"
    runs_dir.mkdir(exist_ok=True)
    with edit_queue(runs_dir) as edit:
        key = planned.removeprefix("runs/")
        edit.queue = Queue((Item(key, "A1", 42, slurm={}),), paused=True)
    for words in ((), ("--resume",), ("--dry-run",), ("--detach",)):
        found = project.run("--exp", "A1", *words, code=2)
        assert "A1 was queued for Slurm, and this would train on this machine: `iqa-train relaunch A1`" in found.stderr
    project.run("--exp", "A1", "--backend", "local", "--dry-run")
    found = project.run("--exp", "A1", "--backend", "local", "--detach")
    assert ". The queue is paused; iqa-train queue resume starts them" in found.stdout
    assert read_queue(runs_dir).items[0].slurm is None


def test_a_misspelt_backend_is_refused(project: Project) -> None:
    found = project.run("--all", "--backend", "slrum", code=2)
    assert 'invalid choice "slrum"; did you mean "slurm"?' in found.stderr


def test_a_dry_run_prints_the_script_of_each_array_once(project: Project) -> None:
    (project.folder / "experiments.toml").write_text((project.folder / "experiments.toml").read_text() + SLURM)
    found = project.run("--all", *DRY, "--json").stdout
    arrays = json.loads(found)["arrays"]
    plans = json.loads(found)["runs"]
    assert all(plan["command"][-2:] == ["--backend", "slurm"] or "--backend" in plan["command"] for plan in plans)
    folders = [folder for array in arrays for task in array["tasks"] for folder in task]
    assert sorted(folders) == sorted(plan["run_dir"] for plan in plans)
    options = [options_of(array["script"]) for array in arrays]
    assert [one["array"] for one in options] == [f"0-{len(array['tasks']) - 1}" for array in arrays]
    for number, one in enumerate(options):
        assert (one["partition"], one["time"], one["gpus"], one["cpus-per-task"]) == ("gpu", "2:00:00", "1", "4")
        after = "".join(f":ARRAY{earlier}" for earlier in range(1, number + 1))
        assert one.get("dependency", "") == (f"afterany{after}" if after else "")
    text = project.run("--all", *DRY).stdout
    for array in arrays:
        assert text.count("".join(f"    {line}\n" if line else "\n" for line in array["script"].splitlines())) == 1
        subprocess.run(["bash", "-n"], input=array["script"], text=True, timeout=60, check=True)
    assert not (project.folder / "runs").exists()


def test_an_experiment_with_a_table_of_its_own_has_an_array_of_its_own(project: Project) -> None:
    text = (
        (project.folder / "experiments.toml")
        .read_text()
        .replace('id = "A1"', 'id = "A1"\nslurm = { time = 30, runs_per_job = 2 }')
    )
    (project.folder / "experiments.toml").write_text(text + SLURM)
    words = ("--exp", "A1", "A2", "--seeds", "1", "2", "3", "--policy", "greedy", *DRY, "--json")
    arrays = json.loads(project.run(*words).stdout)["arrays"]
    shapes = [([len(task) for task in array["tasks"]], options_of(array["script"])["time"]) for array in arrays]
    assert sorted(shapes) == [([1, 1, 1], "2:00:00"), ([2, 1], "30")]
    assert all("dependency" not in options_of(array["script"]) for array in arrays)


def test_without_a_table_the_site_decides_what_a_job_has(project: Project) -> None:
    (array,) = json.loads(project.run("--exp", "A1", *DRY, "--json").stdout)["arrays"]
    assert {"partition", "time", "gpus", "cpus-per-task", "mem"}.isdisjoint(options_of(array["script"]))


def test_a_local_dry_run_has_no_scripts_and_no_word_of_slurm(project: Project) -> None:
    (project.folder / "experiments.toml").write_text(
        (project.folder / "experiments.toml").read_text() + '[slurm]\ntime = "2:00"\n'
    )
    found = project.run("--all", "--dry-run")
    assert "sbatch" not in found.stdout.lower() and "slurm" not in found.stdout + found.stderr
    assert "arrays" not in json.loads(project.run("--all", "--dry-run", "--json").stdout)


def test_runs_share_a_gpu_of_a_job_that_has_several(project: Project) -> None:
    (project.folder / "experiments.toml").write_text(
        (project.folder / "experiments.toml").read_text() + SLURM + "runs_per_job = 2\n"
    )
    project.run("--all", *DRY, "--runs_per_gpu", "2")


def test_a_dry_run_asks_slurm_what_it_has_against_the_jobs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = FakeCommands(project.folder / "bin", monkeypatch)
    for name in ("squeue", "scontrol", "scancel"):
        fakes.put(name)
    fakes.put("sbatch", "echo 'allocation failure: Invalid partition name specified' >&2", "exit 1")
    found = project.run("--all", "--seeds", "1", "2", *DRY)
    assert "cannot start on this cluster now: Slurm refused the job: Invalid partition name" in found.stderr
    assert set(fakes.calls("sbatch")) == {"--test-only"}
    fakes.put("sbatch", "echo 'sbatch: error: Unable to contact slurm controller' >&2", "exit 1")
    assert "cannot start" not in project.run("--all", *DRY).stderr
