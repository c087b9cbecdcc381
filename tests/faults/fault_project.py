"""A study of stand-in workers under fault: how it is started, looked at from outside, disturbed, and judged."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from iqa_train.runs import state_names
from tests.conftest import PROGRAM, STUDY, Project, write_small_study
from tests.fakes import worker

STAND_IN = str(Path(worker.__file__))
OPEN = state_names.OPEN
ALIVE = state_names.ALIVE
BUSY = 75
"""What a runner ends with when somebody else has the run or the device."""

FIVE = (
    STUDY
    + """
[[batches]]
name = "Batch 2"
gpus = { 0 = "A2", 1 = "B1" }
minutes = 1

[[batches]]
name = "Batch 3"
gpus = { 0 = "B2" }
minutes = 1

[[experiments]]
id = "B1"
slug = "B1_other"
set = { dropout_rate = 0.1 }

[[experiments]]
id = "B2"
slug = "B2_another"
set = { dropout_rate = 0.2 }
"""
)
"""The small study with the seed's five experiments in its three batches."""


@dataclass(frozen=True)
class Process:
    """A process of a project as /proc shows it: `scheduler`, `runner`, `worker`, `command`, Slurm's `job`, `other`."""

    role: str
    pid: int
    run: str = ""

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """Send it a signal; returns whether it was there."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True)
class FaultyProject(Project):
    """A project whose runs are stand-ins (or, with `real`, the real trainer), and what is to go wrong with them."""

    behaviour: str = ""
    seconds: float = 0.05
    real: bool = False

    def environment(self) -> dict[str, str]:
        own = {
            "FAKE_BEHAVIOUR": self.behaviour,
            "FAKE_EPOCH_SECONDS": str(self.seconds),
            "FAKE_WITNESS": str(self.witness),
            "FAKE_GATE": str(self.folder.resolve() / "gate"),
            "IQA_TRAIN_LEASES": str(self.folder.resolve() / "leases"),
        }
        return super().environment() | own | ({} if self.real else {"IQA_TRAIN_WORKER": STAND_IN})

    @property
    def witness(self) -> Path:
        return self.folder.resolve() / "witness"

    def let_go(self) -> None:
        """Of the stand-ins that hold in their second epoch."""
        (self.folder / "gate").touch()

    def status(self, *words: str) -> dict[str, Any]:
        """What `iqa-train status --json` says."""
        told: dict[str, Any] = json.loads(self.run("status", "--json", *words).stdout)
        return told

    def run_bytes(self, *words: str) -> bytes:
        """What a command that succeeds prints, as it is."""
        return subprocess.run(
            [*PROGRAM, *words], cwd=self.folder, env=self.environment(), capture_output=True, check=True
        ).stdout

    def run_in(self, folder: Path, *words: str) -> None:
        """A command that succeeds, given in another directory."""
        subprocess.run([*PROGRAM, *words], cwd=folder, env=self.environment(), capture_output=True, check=True)

    def row(self, experiment: str) -> dict[str, Any]:
        (row,) = [row for row in self.status()["runs"] if row["experiment"] == experiment]
        return row

    def living(self) -> list[Process]:
        """Every process of this project that lives, by what /proc says and nothing else."""
        return sorted(_processes(self.folder.resolve()), key=lambda process: (process.role, process.pid))

    def of_role(self, role: str, run: str = "") -> list[Process]:
        return [p for p in self.living() if p.role == role and run in p.run]

    def wait(self, what: str, until: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Until something is so; returns what `until` returned."""
        deadline = time.monotonic() + seconds
        while not (found := until()):
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}\n{self.story()}"
            time.sleep(0.04)
        return found

    def wait_for_worker(self, experiment: str, epoch: int = 1) -> Process:
        """The worker of an experiment, once it has told so many epochs."""

        def there() -> list[Process]:
            return self.of_role("worker", f"/{experiment}/") if len(self.epochs(experiment)) >= epoch else []

        found: list[Process] = self.wait(f"{experiment} is in epoch {epoch + 1}", there)
        return found[0]

    def wait_until_settled(self, seconds: float = 60.0) -> dict[str, Any]:
        """Until nothing runs and nothing waits, with nobody's help; returns the status then."""

        looks = iter(range(1, 1_000_000))

        def settled() -> dict[str, Any] | None:
            if self.of_role("scheduler") and next(looks) % 20:  # asking costs a whole process
                return None
            told = self.status()
            return None if any(row["state"] in OPEN for row in told["runs"]) else told

        told: dict[str, Any] = self.wait("all is settled", settled, seconds)
        return told

    def epochs(self, experiment: str) -> list[dict[str, Any]]:
        """Every epoch line of every attempt, as it stands there."""
        found = (self.folder / "runs" / "small" / experiment).glob("*/attempt-*/metrics.jsonl")
        lines = [line for path in sorted(found) for line in path.read_bytes().split(b"\n") if line]
        return [event for line in lines if (event := _parsed(line)).get("event") == "epoch"]

    def attempts(self, experiment: str) -> list[Path]:
        return sorted((self.folder / "runs" / "small" / experiment).glob("*/attempt-*"))

    def exits(self, experiment: str) -> list[dict[str, Any] | None]:
        """How each attempt ended, as its exit.json says; None without one."""
        files = [attempt / "exit.json" for attempt in self.attempts(experiment)]
        return [json.loads(path.read_text()) if path.exists() else None for path in files]

    def story(self) -> str:
        """What to look at when something is not as it should be."""
        log = self.folder / "runs" / "scheduler.log"
        lines = log.read_text(errors="replace").splitlines()[-25:] if log.exists() else []
        shown = subprocess.run(
            [*PROGRAM, "status"],
            cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "\n".join([*lines, shown.stdout, shown.stderr, *map(str, self.living())])


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"event": "damaged"}


def _processes(folder: Path) -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if not (entry / "cwd").readlink().is_relative_to(folder):
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue
        if words:  # an ended one has none
            yield _process(int(entry.name), [word.removeprefix(f"{folder}/") for word in words])


def _process(pid: int, words: list[str]) -> Process:
    words = [words[0], *words[2:]] if words[1:2] == ["-P"] else words
    modules = {
        "iqa_train.scheduler.scheduler": "scheduler", "iqa_train.cli.main": "command",
        "iqa_train.scheduler.slurm.job": "job",
    }  # fmt: skip
    module = words[2] if words[1:2] == ["-m"] and len(words) > 2 else ""
    if module in {"iqa_train.scheduler.detached_runner", "iqa_train.scheduler.slurm.job_runner"}:
        return Process("runner", pid, words[3])
    if module in {"iqa_train.training.worker", "iqa_train.command_runs.worker"}:
        return Process("worker", pid, words[3])
    if words[1:2] == [STAND_IN] and len(words) > 2:
        return Process("worker", pid, words[2])
    return Process(modules.get(module, "other"), pid)


_making = threading.Lock()


@cache
def _pictures() -> "tempfile.TemporaryDirectory[str]":
    """The small study with its pictures, made once for all; gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix="iqa-faults-")
    write_small_study(Path(folder.name))
    return folder


@contextmanager
def faulty_project(folder: Path, study: str = STUDY, **wishes: Any) -> Iterator[FaultyProject]:
    """A project in `folder`; whatever of it still lives at the end is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with _making:
        pictures = Path(_pictures().name) / "data"
    (folder / "data").symlink_to(pictures, target_is_directory=True)
    (folder / "experiments.toml").write_text(study)
    project = FaultyProject(folder, **wishes)
    try:
        yield project
    finally:
        clear(project)


def pause_before_anything_starts(project: FaultyProject) -> Process:
    """Queue the whole study on two slots with the queue paused; returns the scheduler."""
    (project.folder / "runs").mkdir()
    (project.folder / "runs" / "queue.json").write_text(json.dumps({"items": [], "paused": True}))
    project.run("--all", "--detach", "--slots", "2")
    found: list[Process] = project.wait("a scheduler", lambda: project.of_role("scheduler"))
    return found[0]


def resume_and_freeze_the_first_runner(project: FaultyProject, scheduler: Process) -> int:
    """Let the paused queue go on, and stop its first runner in the moment of its birth; returns the runner's pid."""
    children = Path(f"/proc/{scheduler.pid}/task/{scheduler.pid}/children")
    resume = project.start("queue", "resume")
    deadline = time.monotonic() + 60
    while (
        not (born := children.read_text().split()) or b"detached" not in Path(f"/proc/{born[0]}/cmdline").read_bytes()
    ):
        assert time.monotonic() < deadline, project.story()
    os.kill(int(born[0]), signal.SIGSTOP)
    assert resume.wait(timeout=60) == 0
    return int(born[0])


def start_runner(project: FaultyProject, experiment: str, slot: int, attempt: int) -> "subprocess.Popen[bytes]":
    """What a scheduler starts: a runner for this attempt at a run, on a CPU slot."""
    run = project.run_folder(experiment).relative_to(project.folder)
    device = json.dumps({"kind": "cpu", "index": slot, "key": f"cpu-{slot}", "name": "CPU"})
    return subprocess.Popen(
        [
            sys.executable, "-m", "iqa_train.scheduler.detached_runner", str(run), "--device", device, "--attempt",
            str(attempt), "--logs-dir", "logs", "--command", "[]", *(["--resume"] if attempt > 1 else []),
        ],
        cwd=project.folder, env=project.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _words_of(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def clear(project: FaultyProject) -> None:
    """Kill whatever of the project lives, one by one, until nothing does."""
    deadline = time.monotonic() + 60
    while (left := project.living()) and time.monotonic() < deadline:
        for process in left:
            process.kill()
        time.sleep(0.05)


# What must be so, whatever was done.


def assert_true_state(project: FaultyProject, within: float = 3.0) -> float:
    """`iqa-train status --json` says what /proc and the files say; returns after how many seconds it did, of each.

    What changes while it is looked at, is looked at again, and has its time anew.
    """
    began = time.monotonic()
    since: dict[str, tuple[object, float]] = {}  # what was so of each, and since which look
    seen: set[str] = set()
    while True:
        looked = time.monotonic()
        before, attempts = _subjects(project), _attempts(project)
        told = project.status()
        after = _subjects(project)
        changed = attempts ^ _attempts(project)
        subjects = {"scheduler", *(row["run_dir"] for row in told["runs"])}
        for name in subjects:
            now = (before.get(name), {path for run, path in attempts if run == name})
            if name not in since or since[name][0] != now:
                since[name] = (now, looked)
        steady = {name for name in subjects if before.get(name) == after.get(name)} - {run for run, _ in changed}
        wrong = untruths(project, told, before, steady)
        seen = (seen | steady) - wrong.keys()
        ended = time.monotonic()
        if seen >= subjects:
            return ended - began
        late = {name: words for name, words in wrong.items() if ended - since[name][1] >= within}
        assert not late, f"not the truth after {within:g} s: {late}\n{project.story()}"
        if ended - began > 2 * within and not wrong:  # it never held still
            return ended - began


def _subjects(project: FaultyProject) -> dict[str, list[tuple[str, int]]]:
    """The living processes of each run, and the scheduler's; one that is still starting is not at its post yet."""
    found: dict[str, list[tuple[str, int]]] = {}
    for process in project.living():
        if process.role == "scheduler" and not _has_open(process.pid, "scheduler.lock"):
            continue
        name = "scheduler" if process.role == "scheduler" else process.run
        found.setdefault(name, []).append((process.role, process.pid))
    return found


def _has_open(pid: int, name: str) -> bool:
    found = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.append(entry.readlink().name)
    return name in found


def _attempts(project: FaultyProject) -> set[tuple[str, str]]:
    """The attempts and the ends that there are, each with its run: a run may come and go between two looks at /proc."""
    paths = [path.relative_to(project.folder) for path in project.folder.glob("runs/*/*/*/attempt-*/*.json")]
    return {(str(path.parent.parent), str(path)) for path in paths}


def untruths(
    project: FaultyProject, told: dict[str, Any], living: dict[str, list[tuple[str, int]]], steady: set[str]
) -> dict[str, list[str]]:
    """What of a status is not so, of what is `steady`."""
    wrong = {row["run_dir"]: _untruths_of(project, row, living.get(row["run_dir"], [])) for row in told["runs"]}
    schedulers = [pid for _, pid in living.get("scheduler", [])]
    if schedulers != ([told["scheduler"]["pid"]] if told["scheduler"] else []):
        wrong["scheduler"] = [f"schedulers {schedulers}, told {told['scheduler']}"]
    if not schedulers and "scheduler" in steady and not told["paused"]:
        for row in told["runs"]:
            if row["state"] in state_names.WAITING and "no scheduler" not in row["reason"]:
                wrong[row["run_dir"]].append(f"queued for {row['reason']}, but there is no scheduler")
    return {name: words for name, words in wrong.items() if words and name in steady}


def _untruths_of(project: FaultyProject, row: dict[str, Any], mine: list[tuple[str, int]]) -> list[str]:
    wrong = []
    workers = [pid for role, pid in mine if role == "worker"]
    run = project.folder / row["run_dir"]
    what = f"{row['state']} ({row['reason']})"
    if len(workers) > 1:
        wrong.append(f"the workers {workers}")
    if workers and row["state"] not in ALIVE:
        wrong.append(f"{what} and its worker lives")
    if not mine and row["state"] in ALIVE:
        wrong.append(f"{what} and none of its processes lives")
    if row["pid"] not in {*workers, None} or (not workers and row["pid"] is not None):
        wrong.append(f"worker {row['pid']}, but it is {workers}")
    if row["state"] == "completed" and not (run / "result.json").exists():
        wrong.append(f"{what} without a result")
    if row["state"] in state_names.WAITING and not row["reason"]:
        wrong.append(f"{what} without a reason")
    epochs = {(e["round"], e["epoch"]) for e in project.epochs(row["experiment"])}
    if not workers and row["epoch"] is not None and row["epoch"] != len(epochs):
        wrong.append(f"{what} after {row['epoch']} epochs, but it is {len(epochs)}")
    return wrong


def assert_undoubled(project: FaultyProject) -> None:
    """Never were two workers on one run or one lease; every worker held the lease of a device."""
    overlaps = project.witness / "overlaps"
    assert not overlaps.exists(), overlaps.read_text()
    for line in (project.witness / "lives").read_text().splitlines():
        assert len(json.loads(line)["leases"]) == 1, line


def assert_same_results(one: Project, other: Project) -> None:
    """Every epoch told exactly once; the same figures for each, the same results, the same predictions."""
    names = sorted(p.name for p in (other.folder / "runs" / "small").iterdir())
    assert sorted(p.name for p in (one.folder / "runs" / "small").iterdir()) == names
    for name in names:
        assert epoch_figures(one, name) == epoch_figures(other, name), name
        mine, theirs = one.run_folder(name), other.run_folder(name)
        assert _result(mine) == _result(theirs), name
        predictions = sorted(path.name for path in theirs.glob("predictions-*.csv"))
        assert predictions, theirs
        assert sorted(path.name for path in mine.glob("predictions-*.csv")) == predictions
        for file in predictions:
            assert (mine / file).read_bytes() == (theirs / file).read_bytes(), f"{name}: {file}"


def epoch_figures(project: Project, experiment: str) -> list[dict[str, Any]]:
    """The epoch lines of all attempts in the order in which they stand there, without their times."""
    lines = [
        _parsed(line)
        for path in sorted(project.run_folder(experiment).glob("attempt-*/metrics.jsonl"))
        for line in path.read_bytes().split(b"\n")
        if line
    ]
    return [{k: v for k, v in e.items() if k not in {"time", "seconds"}} for e in lines if e.get("event") == "epoch"]


def _result(run: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((run / "result.json").read_text())
    for round_ in result["rounds"]:
        del round_["seconds"]
    return result


def pick(rng: random.Random, living: list[Process], *roles: str) -> list[Process]:
    """One living process of each of these roles, where there is one."""
    candidates = [[p for p in living if p.role == role] for role in roles]
    return [rng.choice(found) for found in candidates if found]
