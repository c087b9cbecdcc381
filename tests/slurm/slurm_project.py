"""A study of many stand-in runs on a Slurm of its own: what must be so of it, whatever was done."""

import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.scheduler.queue import folder_of, read_queue
from iqa_train.scheduler.slurm.submissions import Submission, read_submissions, tasks_now
from iqa_train.slurm.jobs import Job
from tests.conftest import STUDY
from tests.faults.fault_project import ALIVE, FaultyProject, faulty_project
from tests.slurm.cluster import Cluster
from tests.slurm.forked_commands import ForkedCommands

KNOWN_WITHIN = 10.0
"""Seconds after which `status` must say what Slurm knows."""


def study_of(runs: int, slurm: str = "") -> str:
    """So many experiments in one batch each of its own kind, with these lines in [slurm]."""
    head = STUDY.partition("[[experiments]]")[0]
    names = ["Baseline", *(f"E{k}" for k in range(1, runs))]
    experiments = "".join(
        f'[[experiments]]\nid = "{name}"\nslug = "{name.lower()}"\nset = {{ dropout_rate = {k / 1000} }}\n\n'
        for k, name in enumerate(names)
    )
    return f'{head}{experiments}[slurm]\npartition = "main"\n{slurm}\n'


class SlurmProject(FaultyProject):
    """A project whose commands see the cluster."""

    cluster: Cluster

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in super().environment().items() if name != "FAKE_WITNESS"}
        return own | self.cluster.environment() | {"FAKE_WRITES": str(self.folder / "writes")}

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def folders(self) -> dict[str, RunFolder]:
        """The run folders of the queue's items, by the items' keys."""
        return {item.key: folder_of(item, self.runs_dir) for item in read_queue(self.runs_dir).items}

    def submit(self, *words: str) -> None:
        """Have Slurm carry out the whole study."""
        self.run("--all", "--backend", "slurm", "--detach", *words)

    def files(self) -> list[Path]:
        """Of the attempts and runs."""
        return [*self.runs_dir.glob("*/*/*/*.json"), *self.runs_dir.glob("*/*/*/attempt-*/*.json")]

    def relaunch(self, commands: ForkedCommands, status: str) -> list[str]:
        """Start again what has been stopped, by what `status` says."""
        stopped = [
            row["experiment"] for row in json.loads(status)["runs"] if row["state"] in {"stopped", "killed", "failed"}
        ]
        for name in stopped:
            commands.run("relaunch", name)
        return stopped

    def unfinished(self) -> list[str]:
        """Experiments without a result."""
        return sorted(run.experiment for run in self.folders().values() if not run.result.exists())


@contextmanager
def slurm_project(folder: Path, cluster: Cluster, study: str, **wishes: Any) -> Iterator[SlurmProject]:
    """A project in `folder` on this cluster; whatever of it lives at the end is killed, and its jobs are cancelled."""
    with faulty_project(folder, study, **wishes) as plain:
        project = SlurmProject(plain.folder, plain.behaviour, plain.seconds)
        object.__setattr__(project, "cluster", cluster)
        try:
            yield project
        finally:
            with suppress(AssertionError):
                cluster.repair()


# What the figures of a stand-in must be, from its settings alone


def expected_epochs(spec: Mapping[str, Any]) -> list[float]:
    """Validation SRCC of each epoch."""
    settings = spec["settings"]

    def figure(epoch: int) -> float:
        text = json.dumps([spec["experiment"], spec["config_hash"], settings["seed"], epoch])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32

    return [figure(epoch) for epoch in range(1, settings["epochs"] + 1)]


def faults_of_results(project: SlurmProject) -> list[str]:
    """What of the finished study is not as if nothing had been done to it."""
    wrong = []
    for run in project.folders().values():
        name = run.experiment
        if not run.result.exists():
            wrong.append(f"{name} has no result")
            continue
        expected = expected_epochs(json.loads(run.spec.read_text()))
        found = [(event["epoch"], event["val_srcc"]) for event in epoch_events(run)]
        if found != list(enumerate(expected, 1)):
            wrong.append(f"{name} has the epochs {[epoch for epoch, _ in found]}, or other figures than it must")
        if json.loads(run.result.read_text())["srcc"] != max(expected):
            wrong.append(f"{name} has another result than it must")
        attempts = [attempt for attempt in run.attempts() if attempt.exit.exists() or _worker_ended(attempt)]
        ended = attempts[-1] if attempts else None
        if ended is None or (ended.exit.exists() and json.loads(ended.exit.read_text())["state"] != "completed"):
            wrong.append(f"{name} did not end as completed: {ended}")
    return wrong


def _worker_ended(attempt: Attempt) -> bool:
    """Whether the worker has noted that it is done; its runner may be killed before it writes exit.json."""
    with suppress(OSError, ValueError, IndexError):
        last = json.loads(attempt.metrics.read_bytes().splitlines()[-1])
        return bool(last["event"] == "end" and last["code"] == 0)
    return False


def faults_of_writing(project: SlurmProject) -> list[str]:
    """Checkpoints that an attempt began to write after a later attempt had written one, and epochs written twice."""
    lines = [json.loads(line) for line in (project.folder / "writes").read_text().splitlines()]
    wrong = []
    for run in {line["run"] for line in lines}:
        mine = [line for line in lines if line["run"] == run]
        for one in mine:
            for other in mine:
                if one["attempt"] > other["attempt"] and other["began"] > one["ended"]:
                    wrong.append(f"{run}: attempt {other['attempt']} wrote after attempt {one['attempt']}")
        written = Counter(line["epoch"] for line in mine)
        wrong += [f"{run}: epoch {epoch} was written {times} times" for epoch, times in written.items() if times > 1]
    return wrong


# What `status` must say, by what Slurm knew


@dataclass
class _Known:
    """What has been so of a run, and since which moment (seconds since 1970)."""

    truth: object = None
    since: float = 0.0


@dataclass
class TruthWatch:
    """Looks at squeue, past any fault, a few times a second, and notes what is so of each run, and since when.

    Compared with what `iqa-train status --json` says: what has been so for 10 seconds before the command was started
    and is still so when it has ended, must be what it says.
    """

    project: SlurmProject
    commands: ForkedCommands
    known: dict[str, _Known] = field(default_factory=dict)
    looks: int = 0
    judged: int = 0
    wrong: list[str] = field(default_factory=list)
    latest: dict[str, Any] = field(default_factory=dict)
    slowest: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator["TruthWatch"]:
        """Within the block."""
        threads = [threading.Thread(target=work) for work in (self._sample_on, self._look_on)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def words(self) -> str:
        """How often was looked at what."""
        return (
            f"{self.looks} looks at the status, {self.judged} states of runs judged, the slowest {self.slowest:.0f} s"
        )

    def _sample_on(self) -> None:
        while not self._over.wait(0.4):
            self._sample()

    def _look_on(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(0.2)

    def _sample(self) -> None:
        truths = self._truths()
        now = time.time()
        for name, truth in truths.items():
            before = self.known.get(name)
            if before is None or before.truth != truth:
                self.known[name] = _Known(truth, now)

    def _truths(self) -> dict[str, object]:
        """Of each run by its folder's name: completed, on a node, waits, nothing; None while Slurm is not asked."""
        project = self.project
        try:
            assert project.cluster.has_controller
            submissions = read_submissions(project.runs_dir)
            jobs: Mapping[str, Mapping[int, Job]] | None = tasks_now(submissions, project.cluster.jobs())
        except AssertionError:  # the controller is down
            submissions, jobs = [], None
        if project.cluster.is_hindered("squeue"):
            jobs = None
        return {str(run.path): _truth(run, key, submissions, jobs) for key, run in project.folders().items()}

    def look(self) -> dict[str, Any]:
        """Ask for the status and judge it; returns what it says."""
        began = time.time()
        code, out, err = self.commands.run("status", "--json")
        if code != 0:
            self.wrong.append(f"status ended with {code}: {err}")
            return self.latest
        told: dict[str, Any] = json.loads(out)
        ended = time.time()
        self.slowest = max(self.slowest, ended - began)
        self._sample()
        self.looks += 1
        self.latest = told
        for row in told["runs"]:
            known = self.known.get(str(self.project.folder / row["run_dir"])) if row["run_dir"] else None
            if known is None or known.since > began - KNOWN_WITHIN or known.truth is None:
                continue
            self.judged += 1
            said = row["state"]
            allowed = {
                "completed": {"completed"},
                "on a node": ALIVE,
                "waits": {"queued", "retrying"},
                "nothing": {"queued", "retrying", "stopped", "killed", "failed", "lost"},
            }[str(known.truth)]
            if said not in allowed:
                since = began - known.since
                self.wrong.append(
                    f"{row['experiment']}: {said} ({row['reason']}), but for {since:.1f} s: {known.truth}"
                )
        return told


def _truth(
    run: RunFolder, key: str, submissions: list[Submission], jobs: Mapping[str, Mapping[int, Job]] | None
) -> str | None:
    attempts = run.attempts()
    ended = bool(attempts) and (attempts[-1].exit.exists() or _worker_ended(attempts[-1]))
    if run.result.exists() and ended:
        return "completed"
    if jobs is None:
        return None
    mine = [
        job
        for submission in submissions
        for task, job in jobs.get(submission.token, {}).items()
        if key in submission.tasks[task] and not job.has_ended
    ]
    for job in mine:
        if job.is_on_node:
            return "on a node" if not ended and _is_of(job, attempts[-1].runner if attempts else None) else None
    return "waits" if mine else "nothing"


def _is_of(job: Job, runner: Path | None) -> bool:
    """Whether the attempt is one of this start of the job."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads(runner.read_text())["slurm"] if runner is not None else None
        return bool(facts["job"] == job.label and facts["restarts"] == job.restarts)
    return False


def processes_left(project: SlurmProject) -> list[str]:
    """Every process of the project that lives."""
    return [f"{process.role} {process.pid}" for process in project.living() if process.pid != os.getpid()]
