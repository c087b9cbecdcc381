"""A project of stand-ins whose runs are carried out by jobs of a real Slurm."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from iqa_train.slurm.jobs import Job
from tests.conftest import STUDY
from tests.faults.fault_project import FaultyProject, faulty_project
from tests.slurm.cluster import Cluster, wait_until

Make = Callable[..., "JobProject"]


class JobProject:
    """A project, the cluster that carries it out, and what is asked of both."""

    def __init__(self, project: FaultyProject, cluster: Cluster) -> None:
        self.project = project
        self.cluster = cluster

    def submit(self, *words: str) -> None:
        """Queue runs for Slurm."""
        self.project.run(*words, "--backend", "slurm", "--detach")

    def job_of(self, experiment: str) -> Job:
        """The job of an experiment's last attempt, as squeue lists it now."""
        label = self.facts(experiment)[-1]["job"]
        return next(job for job in self.cluster.jobs() if job.label == label)

    def facts(self, experiment: str) -> list[dict[str, Any]]:
        """What runner.json says of the job, of each attempt that has begun."""
        files = [attempt / "runner.json" for attempt in self.project.attempts(experiment)]
        return [json.loads(path.read_text())["slurm"] for path in files if path.exists()]

    def begin(self, experiment: str, *words: str) -> Job:
        """Submit an experiment and wait until its worker has told an epoch; returns its job."""
        self.submit("--exp", experiment, *words)
        self.project.wait_for_worker(experiment)
        return self.job_of(experiment)

    def wait_for_attempt(self, experiment: str, number: int, seconds: float = 90.0) -> None:
        """Until that attempt has begun."""
        self.wait(lambda: len(self.facts(experiment)) >= number, f"attempt {number} begins", seconds)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 90.0) -> None:
        """As `wait_until`; a failure shows what the jobs have written."""
        try:
            wait_until(condition, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.outputs()}\n{self.cluster.jobs()}") from None

    def wait_until_over(self, seconds: float = 90.0) -> dict[str, dict[str, Any]]:
        """Let stand-ins that hold go on, and wait until no job is left; returns the rows of the status then."""
        self.project.let_go()
        self.wait(lambda: all(job.has_ended for job in self.cluster.jobs()), "no job is left", seconds)
        return {row["experiment"]: row for row in self.project.status()["runs"]}

    def outputs(self) -> str:
        """What the jobs have written."""
        files = sorted((self.project.folder / "runs" / "slurm").glob("*.out"))
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in files)

    def assert_undisturbed(self, experiment: str, *, alone: bool = True) -> None:
        """Completed, and each epoch told once, in order; never were two workers on it, if `alone`."""
        assert [event["epoch"] for event in self.project.epochs(experiment)] == [1, 2, 3], self.outputs()
        last = self.project.exits(experiment)[-1]
        assert last is not None
        assert last["state"] == "completed", self.outputs()
        assert not alone or not (self.project.witness / "overlaps").exists()


def with_slurm(slurm: str, study: str = STUDY) -> str:
    """The study with these lines in its [slurm]."""
    return f"{study}\n[slurm]\n{slurm}\n"


@contextmanager
def job_projects(folder: Path, cluster: Cluster) -> Iterator[Make]:
    """Makes projects: `make(slurm="time = 5", behaviour="*=hold")`."""
    with ExitStack() as stack:

        def make(slurm: str = "", study: str = STUDY, **wishes: Any) -> JobProject:
            found = stack.enter_context(faulty_project(folder / "project", with_slurm(slurm, study), **wishes))
            return JobProject(found, cluster)

        yield make
