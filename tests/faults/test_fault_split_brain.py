"""A worker whose host was given up goes on after another attempt has taken its place: nothing of it reaches the run.

The host is given up by SIGSTOP, at random instants, of worker and runner; it comes back by SIGCONT, when the other
attempt is done.
"""

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors import safe_open

from iqa_train.files import read_lines
from tests.campaign import rounds
from tests.command_runs.command_project import STUDY as COMMAND_STUDY
from tests.command_runs.command_project import experiment
from tests.faults.conftest import Make
from tests.faults.fault_project import FaultyProject, Process, faulty_project
from tests.faults.superseding import assert_same_run, contents, start_attempt

_LIMIT = 300.0  # seconds, for whatever is waited for

pytestmark = pytest.mark.slow

EPOCHS = ("--epochs", "12")
REAL = ("--epochs", "4", "--train_patch_num", "8")


def _suspend(
    project: FaultyProject, command: "subprocess.Popen[str]", rng: random.Random, epochs: int, seconds: float
) -> tuple[list[Process], str]:
    """Stop everything that runs at a random instant, up to `seconds` after an epoch; sometimes the runner is killed."""
    before = rng.randrange(epochs)
    project.wait("a worker", lambda: project.of_role("worker") or command.poll() is not None, _LIMIT)
    project.wait("an epoch", lambda: len(project.epochs("A1")) >= before or command.poll() is not None, _LIMIT)
    assert command.poll() in {None, 0}, command.communicate()
    time.sleep(rng.uniform(0, seconds))
    how = rng.choice(["runner suspended", "runner killed"])
    stopped = []
    for process in [*project.of_role("command"), *project.living()]:
        if process.role == "command":
            process.kill(signal.SIGSTOP if how == "runner suspended" else signal.SIGKILL)
        elif process.role in {"worker", "other"}:
            process.kill(signal.SIGSTOP)
        stopped.append(process)
    return stopped, how


def _given_up_and_back(project: FaultyProject, rng: random.Random, words: tuple[str, ...], seconds: float) -> str:
    """One fault; returns how the first attempt ended. The run is done then."""
    command = project.start("--exp", "A1", "--slots", "1", *words)
    stopped, how = _suspend(project, command, rng, int(words[1]), seconds)
    run = project.run_folder("A1")
    if (run / "result.json").exists() and not project.of_role("worker"):
        for process in stopped:
            process.kill(signal.SIGCONT)
        command.communicate(timeout=60)
        return "done before"
    second = start_attempt(project, "A1", 2, "superseding")
    out, err = second.communicate(timeout=_LIMIT)
    assert second.returncode == 0, out + err
    before = contents(run)
    for process in stopped:
        process.kill(signal.SIGCONT)
    command.communicate(timeout=_LIMIT)
    project.wait("all have ended", lambda: not project.living(), _LIMIT)
    assert contents(run) == before
    if how == "runner suspended":
        ended = project.exits("A1")[0]
        assert ended is not None
        assert (ended["state"], ended["exit_code"]) in {("killed", 8), ("completed", 0)}
        return f"{how}: {ended['reason'] or 'completed'}"
    ends = [event for event in read_lines(run / "attempt-01" / "metrics.jsonl") if event["event"] == "end"]
    assert [event["code"] for event in ends] in ([8], [0])
    return f"{how}: {ends[0]['message'] or 'completed'}"


def test_a_worker_that_was_suspended_comes_back(make: Make, undisturbed_stand_ins: FaultyProject) -> None:
    project = make(seconds=0.2)
    _given_up_and_back(project, random.Random(1), ("--epochs", "3"), 0.2)
    assert_same_run(project.run_folder("A1"), undisturbed_stand_ins.run_folder("A1"))


def test_stand_ins_at_many_instants(tmp_path: Path, undisturbed_five: FaultyProject) -> None:
    """In three projects side by side, a few instants each, or 20."""
    ends: Counter[str] = Counter()

    def one(lane: int) -> None:
        rng = random.Random(lane)
        for k in range(rounds(20, 5)):
            with faulty_project(tmp_path / f"{lane}-{k}", seconds=0.02) as project:
                ends[_given_up_and_back(project, rng, EPOCHS, 0.1)] += 1
                assert_same_run(project.run_folder("A1"), undisturbed_five.run_folder("A1"))
            shutil.rmtree(tmp_path / f"{lane}-{k}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, range(3)))
    print(f"\n{dict(ends)}: nothing of the first attempt reached the run")
    assert sum(ends.values()) - ends["done before"] >= rounds(30, 8)


@pytest.fixture(scope="module")
def calm_trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with faulty_project(tmp_path_factory.mktemp("calm-trainer"), real=True) as project:
        project.run("--exp", "A1", "--slots", "1", *REAL, timeout=240)
        yield project.run_folder("A1")


@pytest.mark.parametrize("seed", range(rounds(4, 1)))
def test_the_real_trainer(tmp_path: Path, calm_trainer: Path, seed: int) -> None:
    with faulty_project(tmp_path / "project", real=True) as project:
        how = _given_up_and_back(project, random.Random(seed), REAL, 2.0)
        run = project.run_folder("A1")
        assert_same_run(run, calm_trainer)
        for name in ("best", "last"):
            with (
                safe_open(run / "checkpoints" / f"{name}.safetensors", "np") as a,
                safe_open(calm_trainer / "checkpoints" / f"{name}.safetensors", "np") as b,
            ):
                assert set(a.keys()) == set(b.keys())
                assert all(a.get_tensor(k).tobytes() == b.get_tensor(k).tobytes() for k in a.keys())  # noqa: SIM118
        assert {p.name for p in (run / "checkpoints").iterdir()} == {"last.safetensors", "best.safetensors"}
    print(f"\n{how}, every weight as undisturbed")


SCRIPT = """
import random, time
from pathlib import Path
from iqa_train import client

options = client.settings(epochs=12, seed=1)
folder = Path(client.run_dir())
done = folder / "checkpoint"
first = int(done.read_text()) + 1 if client.resumed() and done.exists() else 1
for epoch in range(first, options["epochs"] + 1):
    for _ in range(20):
        time.sleep(0.005)
        (folder / "part").write_text(str(epoch))
        (folder / "part").replace(done.with_name("under way"))
    value = random.Random(f"{options['seed']} {epoch}").random()
    client.epoch(epoch, loss=1 / epoch, val_srcc=value, srcc=value / 2)
    (folder / "part").write_text(str(epoch))
    (folder / "part").replace(done)
    with (folder / "history").open("a") as file:
        file.write(f"{epoch}\\\\n")
for split in ("val", "test"):
    rows = [(path, score) for path, score, part in client.images() if part == split]
    noise = [score + 5 * random.Random(Path(path).name).gauss(0, 1) for path, score in rows]
    client.predictions(split, [path for path, _ in rows], noise)
"""


def _command_project(folder: Path) -> FaultyProject:
    (folder / "train.py").write_text(SCRIPT.replace("\\\\n", "\\n"))
    return FaultyProject(folder, real=True)


def test_programs_of_the_users_own(tmp_path: Path) -> None:
    study = COMMAND_STUDY + experiment("A1", what="")
    ends: Counter[str] = Counter()
    copies = 0
    with faulty_project(tmp_path / "calm", study, real=True) as calm:
        _command_project(calm.folder)
        calm.run("--exp", "A1", "--slots", "1", *EPOCHS)
        for seed in range(rounds(8, 3)):
            with faulty_project(tmp_path / str(seed), study, real=True) as project:
                _command_project(project.folder)
                how = _given_up_and_back(project, random.Random(seed), EPOCHS, 0.3)
                run = project.run_folder("A1")
                assert_same_run(run, calm.run_folder("A1"))
                if how != "done before":
                    names = {path.name for path in run.iterdir() if path.name.startswith("output")}
                    assert names == {"output-02"}
                    copies += (run / "attempt-02" / "earlier-output").exists()
                ends[how] += 1
    print(f"\n{dict(ends)}, {copies} with a copy: nothing of the first program reached the run")
    assert copies >= rounds(3, 1)
