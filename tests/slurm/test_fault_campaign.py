"""Faults of Slurm, again and again: no run is lost, no epoch is doubled, and status says what Slurm knows."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaign import rounds
from tests.slurm.cluster import Cluster, missing, running_cluster, wait_until
from tests.slurm.forked_commands import ForkedCommands
from tests.slurm.slurm_faults import Faults
from tests.slurm.slurm_project import (
    SlurmProject,
    TruthWatch,
    faults_of_results,
    faults_of_writing,
    processes_left,
    slurm_project,
    study_of,
)

FAULTS = 80  # of each schedule
LIMIT = 600.0  # seconds for a study, with its faults


@dataclass
class Campaign:
    """A study on a cluster of its own, two processes that give commands in it, and who watches what they say."""

    cluster: Cluster
    project: SlurmProject
    commands: ForkedCommands
    watch: TruthWatch
    by_hand: ForkedCommands
    began: float = field(default_factory=time.monotonic)

    def finish(self) -> None:
        """Start what was cancelled or refused again until every run has its result."""
        while self.project.unfinished():
            assert time.monotonic() < self.began + LIMIT, f"{self.project.unfinished()}\n{self.project.story()}"
            self.cluster.mend()  # Slurm drains a node on which it finds jobs that it had forgotten
            self.by_hand.run("queue", "resume")
            self.project.relaunch(self.by_hand, self.by_hand.run("status", "--json")[1])
            time.sleep(1)

    def judge(self) -> None:
        """What must be so at the end, whatever was done."""
        assert self.watch.judged > 50, self.watch.words()
        assert not self.watch.wrong, "\n".join(self.watch.wrong[:20])
        assert not (wrong := faults_of_results(self.project)), "\n".join(wrong)
        assert not (wrong := faults_of_writing(self.project)), "\n".join(wrong)
        wait_until(lambda: not processes_left(self.project), f"all have ended: {processes_left(self.project)}")

    def ends(self) -> dict[str, int]:
        """How Slurm says that jobs have ended."""
        words = (self.cluster.folder / "jobcomp.txt").read_text().split()
        return dict(Counter(word.partition("=")[2] for word in words if word.startswith("JobState=")))


@contextmanager
def campaign(folder: Path, study: str, seconds: float, *words: str) -> Iterator[Campaign]:
    """The study of stand-ins, submitted; watched until the block ends."""
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        project = stack.enter_context(slurm_project(folder, cluster, study, seconds=seconds))
        (folder / "runs").mkdir()
        (folder / "runs" / "queue.json").write_text('{"items": [], "paused": true}')  # until all is ready
        project.submit("--retries", "1000", "--policy", "greedy", *words)
        commands, by_hand = (ForkedCommands(folder, project.environment(), ["status", "--json"]) for _ in range(2))
        for one in (commands, by_hand):
            stack.callback(one.close)  # closed twice if all goes well
        watch = TruthWatch(project, commands)
        code, _, err = by_hand.run("queue", "resume")
        assert code == 0, err
        made = Campaign(cluster, project, commands, watch, by_hand)
        with watch.watching():
            yield made
        watch.look()
        for one in (commands, by_hand):
            one.close()
        made.judge()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(rounds(4, 1)))
def test_faults_again_and_again(tmp_path: Path, seed: int) -> None:
    study = study_of(20, 'cpus = 2\narray_limit = 6\ntime = "10"\nmargin = 20')
    with campaign(tmp_path / "p", study, 0.25, "--epochs", "24") as one:
        faults = Faults(seed, one.project, one.by_hand)
        while faults.done.total() < FAULTS and one.project.unfinished():
            faults.one()
            time.sleep(faults.pause())
        lasted = time.monotonic() - one.began
        faults.undo_all()
        one.finish()
        took = time.monotonic() - one.began
        print(
            f"\nseed {seed}: {faults.done.total()} faults in {lasted:.0f} s, finished after {took:.0f} s: "
            f"{dict(faults.done)}; {one.watch.words()}; jobs ended: {one.ends()}"
        )


@pytest.mark.slow
def test_two_hundred_runs_through_two_nodes(tmp_path: Path) -> None:
    """Four runs share a job; two jobs fit on a node."""
    with campaign(tmp_path / "p", study_of(200, "cpus = 4\nruns_per_job = 4"), 0.05, "--epochs", "2") as one:
        one.finish()
        print(f"\n200 runs in {time.monotonic() - one.began:.0f} s; {one.watch.words()}; jobs ended: {one.ends()}")
