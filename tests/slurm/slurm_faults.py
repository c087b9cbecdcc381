"""Faults of a cluster and of its files, drawn from a seeded generator; each is undone after a while."""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iqa_train.scheduler.slurm.submissions import read_submissions, tasks_now
from iqa_train.slurm.jobs import Job
from tests.slurm.cluster import NODES, Cluster
from tests.slurm.forked_commands import ForkedCommands
from tests.slurm.slurm_project import SlurmProject

_REFUSALS = (
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS "
    "policy (job submit limit, user's size and/or time limits)",
)
_BETWEEN_CONTROLLERS = 8.0  # seconds
_UNTIL_MET = 20.0  # seconds
_LATE = ("exit.json", "runner.json", "result.json")


class Faults:
    """Does one fault after the other to a cluster on which a study runs. `done` counts them by kind."""

    def __init__(self, seed: int, project: SlurmProject, commands: ForkedCommands) -> None:
        self.done: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._project, self._commands = project, commands
        self._undo: list[tuple[float, str, Callable[[], object]]] = []  # when, of what, how
        self._beside = ThreadPoolExecutor(1)  # for commands, which may have to wait for Slurm
        self._over = False
        self._shortened: set[str] = set()  # jobs whose time limit is now shorter than it was
        self._controller_until = 0.0  # monotonic
        self._kinds: dict[str, tuple[Callable[[], bool], int]] = {
            "node down": (self._node_down, 3),
            "node drained": (self._drain, 2),
            "controller killed": (self._kill_controller, 2),
            "slurmd killed with its job alive": (self._kill_slurmd, 2),
            "scancel from outside": (self._scancel, 3),
            "time limit": (self._time_limit, 3),
            "requeued from outside": (self._requeue, 3),
            "preempted": (self._preempt, 2),
            "sbatch refused": (self._refuse_sbatch, 3),
            "squeue hanging for 30 s": (self._hang_squeue, 1),
            "file visible late": (self._late_file, 4),
        }

    @property
    def _cluster(self) -> Cluster:
        return self._project.cluster

    def one(self) -> None:
        """Undo what is due, then do one fault of a kind that is possible now, if any is; each kind has its share."""
        self._undo_due()
        total, weights = self.done.total() + 10, sum(weight for _, weight in self._kinds.values())
        names = [name for name, (_, weight) in self._kinds.items() if self.done[name] < 1.6 * total * weight / weights]
        if not names:
            return
        while True:
            name = self._rng.choices(names, [self._kinds[name][1] for name in names])[0]
            with contextlib.suppress(AssertionError):  # what it was meant for has changed meanwhile
                if self._kinds[name][0]():
                    self.done[name] += 1
                    return
            names.remove(name)
            if not names:
                return

    def pause(self) -> float:
        """Seconds until the next."""
        return self._rng.uniform(0.05, 0.8)

    def undo_all(self) -> None:
        """Undo everything at once."""
        self._over = True
        while self._undo:
            self._undo_due(float("inf"))
        self._beside.shutdown()
        self._cluster.mend()
        self._restore_limits()

    def _undo_due(self, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        due = sorted((entry for entry in self._undo if entry[0] <= now), key=lambda entry: entry[0])
        self._undo = [entry for entry in self._undo if entry[0] > now]
        due.sort(key=lambda entry: entry[1] != "controller")  # nothing else can be undone without it
        for _, what, undo in due:
            if what.startswith("n") and self._is_faulty("controller"):
                self._later(0.2, 0.5, what, undo)
            else:
                undo()

    def _later(self, least: float, most: float, what: str, undo: Callable[[], object]) -> None:
        self._undo.append((time.monotonic() + self._rng.uniform(least, most), what, undo))

    def _is_faulty(self, what: str) -> bool:
        return any(name == what for _, name, _ in self._undo)

    def _sound_node(self) -> str | None:
        """A node without a fault, while the controller answers."""
        sound = [node for node in NODES if not self._is_faulty(node)]
        return None if self._is_faulty("controller") or not sound else self._rng.choice(sound)

    def _job(self, *, running: bool, node: str | None = None) -> Job | None:
        """One of the study's."""
        if self._is_faulty("controller"):
            return None
        found = [
            job
            for jobs in tasks_now(read_submissions(self._project.runs_dir), self._cluster.jobs()).values()
            for job in jobs.values()
            if (job.state == "RUNNING" if running else not job.has_ended) and node in {None, job.node}
        ]
        return self._rng.choice(found) if found else None

    # Kinds

    def _node_down(self) -> bool:
        node = self._sound_node()
        if node is None or self._job(running=True, node=node) is None:
            return False
        self._cluster.node_down(node)
        self._later(0.3, 2.5, node, lambda: self._bring_back(node))
        return True

    def _bring_back(self, node: str) -> None:
        self._cluster.start_slurmd(node, only_if_dead=True)
        if not self._cluster.node_up(node):
            self._later(0.3, 0.6, node, lambda: self._bring_back(node))

    def _drain(self) -> bool:
        node = self._sound_node()
        if node is None or self._job(running=True, node=node) is None:
            return False
        self._cluster.drain(node)
        self._later(0.3, 2, node, lambda: self._bring_back(node))
        return True

    def _kill_controller(self) -> bool:
        if self._is_faulty("controller") or time.monotonic() < self._controller_until:
            return False
        self._controller_until = time.monotonic() + _BETWEEN_CONTROLLERS
        if self._rng.random() < 0.5:
            self._cluster.kill_controller()
        else:
            self._cluster.stop_controller()
        self._later(0.2, 2, "controller", self._cluster.start_controller)
        return True

    def _kill_slurmd(self) -> bool:
        node = self._sound_node()
        if node is None or self._job(running=True, node=node) is None:
            return False
        self._cluster.kill_slurmd(node)
        if self._rng.random() < 0.8:  # the controller notices at once, or not at all
            self._cluster.node_down(node)
        self._later(1, 6, node, lambda: self._bring_back(node))
        return True

    def _scancel(self) -> bool:
        """A person cancels a job and, after a while, starts the run again."""
        job = self._job(running=self._rng.random() < 0.7)
        if job is None:
            return False
        self._cluster.call("scancel", job.label)
        self._later(0.5, 3, "cancelled", lambda: self._beside.submit(self._relaunch))
        return True

    def _relaunch(self) -> None:
        _, out, _ = self._commands.run("status", "--json")
        if out:
            self._project.relaunch(self._commands, out)

    def _time_limit(self) -> bool:
        """Slurm, which looks every half minute, ends the job at once, or after its warning. The limit is the job's."""
        job = self._job(running=True)
        if job is None:
            return False
        seconds = self._rng.choice([1, 35])
        self._cluster.call("scontrol", "update", f"JobId={job.label}", f"EndTime=now+{seconds}")
        self._shortened.add(job.label)
        return True

    def _restore_limits(self) -> None:
        for label in self._shortened:
            with contextlib.suppress(AssertionError):  # it has ended
                self._cluster.call("scontrol", "update", f"JobId={label}", "TimeLimit=10")

    def _requeue(self) -> bool:
        job = self._job(running=True)
        if job is None:
            return False
        self._cluster.call("scontrol", "requeue", job.label)
        return True

    def _preempt(self) -> bool:
        node = self._sound_node()
        if node is None or self._job(running=True, node=node) is None:
            return False
        seconds = self._rng.uniform(0.5, 2)
        options = ("-p", "high", "--exclusive", "-w", node, "-o", "/dev/null", "--wrap", f"sleep {seconds:.1f}")
        self._cluster.call("sbatch", *options)
        return True

    def _refuse_sbatch(self) -> bool:
        """For a run that is cancelled and started again meanwhile."""
        if self._is_faulty("sbatch") or not self._scancel():
            return False
        self.done["scancel from outside"] += 1
        self._cluster.refuse("sbatch", self._rng.choice(_REFUSALS))
        self._heal_later("sbatch", "sbatch refused", time.monotonic() + _UNTIL_MET)
        return False

    def _hang_squeue(self) -> bool:
        if self._is_faulty("squeue"):
            return False
        self._cluster.hang("squeue", 30)
        self._heal_later("squeue", "squeue hanging for 30 s", time.monotonic() + _UNTIL_MET)
        return False

    def _heal_later(self, command: str, kind: str, until: float) -> None:
        """Heal it once a call has met with the fault, which then counts, or at the moment `until`."""

        def heal() -> None:
            if self._cluster.is_met(command) or time.monotonic() > until or self._over:
                self.done[kind] += bool(self._cluster.heal(command))
            else:
                self._heal_later(command, kind, until)

        self._later(0.7, 2, command, heal)

    def _late_file(self) -> bool:
        """Take a file that has just been made out of sight for some seconds."""
        now = time.time()
        fresh = [path for path in self._project.files() if path.name in _LATE and _age(path, now) < 3]
        fresh += [path for path in (self._project.runs_dir / "slurm").glob("*-*.json") if _age(path, now) < 3]
        if not fresh:
            return False
        path = self._rng.choice(fresh)
        aside = self._project.folder / "aside" / f"{len(self._undo)}-{now}"
        aside.parent.mkdir(exist_ok=True)
        try:
            path.rename(aside)
        except OSError:
            return False

        def back() -> None:
            with contextlib.suppress(OSError):  # made again meanwhile
                os.link(aside, path)
            aside.unlink()

        self._later(1, 5, "file", back)
        return True


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except OSError:
        return float("inf")
