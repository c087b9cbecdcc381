"""--backend slurm: what it cannot be combined with."""

import pytest

from tests.conftest import Project


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


def test_a_misspelt_backend_is_refused(project: Project) -> None:
    found = project.run("--all", "--backend", "slrum", code=2)
    assert 'invalid choice "slrum"; did you mean "slurm"?' in found.stderr
