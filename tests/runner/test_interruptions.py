"""A run that is killed, stopped or starved, and continued, is the run that was never disturbed."""

import fcntl
import json
import os
import random
import signal
import subprocess
import termios
import time
from pathlib import Path

import psutil
import pytest
from safetensors import safe_open

from tests.conftest import PROGRAM, Project


def _worker_of(project: Project, runner: "subprocess.Popen[str]") -> psutil.Process | None:
    """The runner's worker once it is there; None if the runner ends without one, its run being complete."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if runner.poll() is not None:
            assert runner.returncode == 0, runner.communicate()
            return None
        for child in psutil.Process(runner.pid).children():
            if any("training.worker" in word for word in child.cmdline()):
                return child
        time.sleep(0.02)
    raise AssertionError("no worker started")


def _events(run: Path) -> list[dict[str, object]]:
    lines = b"".join(p.read_bytes() for p in sorted(run.glob("attempt-*/metrics.jsonl"))).splitlines()
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # cut short by the kill
    return found


def _wait_for_step(project: Project, runner: "subprocess.Popen[str]", epoch: int) -> None:
    """Until the run is inside `epoch`, some steps into it."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for metrics in (project.folder / "runs").glob("*/*/*/*/metrics.jsonl"):
            for line in metrics.read_text(errors="replace").splitlines():
                if f'"epoch": {epoch}, "done"' in line and '"stage": "training"' in line:
                    return
        assert runner.poll() is None, runner.communicate()
        time.sleep(0.01)
    raise AssertionError("the run did not get there")


def _assert_equal_runs(one: Path, other: Path) -> None:
    """Bit for bit: predictions, result, weights, optimiser, and each epoch told exactly once with the same figures."""
    for name in ("predictions-val.csv", "predictions-test.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name in ("best", "last"):
        with (
            safe_open(one / "checkpoints" / f"{name}.safetensors", "np") as a,
            safe_open(other / "checkpoints" / f"{name}.safetensors", "np") as b,
        ):
            assert set(a.keys()) == set(b.keys())
            assert all(a.get_tensor(k).tobytes() == b.get_tensor(k).tobytes() for k in a.keys())  # noqa: SIM118
    figures = []
    for run in (one, other):
        epochs = [e for e in _events(run) if e["event"] == "epoch"]
        figures.append([{k: v for k, v in e.items() if k not in {"time", "seconds"}} for e in epochs])
    assert figures[0] == figures[1]


def _epochs(value: int) -> list[str]:
    return ["--epochs", str(value), "--train_patch_num", "8"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.conftest import write_small_study

    project = write_small_study(tmp_path_factory.mktemp("reference"))
    project.run("--exp", "A2", *_epochs(4))
    return project.run_folder("A2")


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_and_resumed(project: Project, reference: Path) -> None:
    runner = project.start("--exp", "A2", *_epochs(4))
    _wait_for_step(project, runner, 3)
    worker = _worker_of(project, runner)
    assert worker is not None
    worker.send_signal(signal.SIGKILL)
    _, err = runner.communicate(timeout=60)
    assert runner.returncode == 1
    assert "killed by signal 9" in err
    run = project.run_folder("A2")
    assert json.loads((run / "attempt-01" / "exit.json").read_text())["signal"] == 9
    refused = project.run("--exp", "A2", *_epochs(4), code=2)
    assert "--resume continues it" in refused.stderr
    project.run("--exp", "A2", *_epochs(4), "--resume")
    _assert_equal_runs(run, reference)


@pytest.mark.slow
def test_stopped_by_ctrl_c_and_resumed(project: Project, reference: Path) -> None:
    runner = project.start("--exp", "A2", *_epochs(4))
    _wait_for_step(project, runner, 2)
    runner.send_signal(signal.SIGINT)
    _, err = runner.communicate(timeout=60)
    assert runner.returncode == 130
    assert "stopped on request" in err
    project.run("--exp", "A2", *_epochs(4), "--resume")
    _assert_equal_runs(project.run_folder("A2"), reference)


@pytest.mark.slow
def test_the_runner_killed_the_worker_finishes(project: Project, reference: Path) -> None:
    runner = project.start("--exp", "A2", *_epochs(4))
    worker = _worker_of(project, runner)
    assert worker is not None
    _wait_for_step(project, runner, 1)
    os.kill(runner.pid, signal.SIGKILL)
    runner.communicate()
    refused = project.run("--exp", "A2", *_epochs(4), code=1)
    assert "running already" in refused.stderr
    psutil.wait_procs([worker], timeout=90)
    done = project.run("--exp", "A2", *_epochs(4))
    assert "completed already" in done.stderr
    _assert_equal_runs(project.run_folder("A2"), reference)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", range(4))
def test_killed_again_and_again_at_random_instants(project: Project, reference: Path, schedule: int) -> None:
    rng = random.Random(schedule)
    for _ in range(4):
        runner = project.start("--exp", "A2", *_epochs(4), "--resume")
        worker = _worker_of(project, runner)
        if worker is None:
            break  # finished before it could be killed again
        time.sleep(rng.uniform(1.0, 4.0))
        for victim in rng.sample([worker.pid, runner.pid], k=rng.choice([1, 2])):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
        runner.communicate(timeout=90)
        psutil.wait_procs([worker], timeout=90)
    project.run("--exp", "A2", *_epochs(4), "--resume")
    _assert_equal_runs(project.run_folder("A2"), reference)


def _begun(project: Project) -> Path:
    """A run of A2 stopped after its second epoch; its last checkpoint."""
    runner = project.start("--exp", "A2", *_epochs(4))
    _wait_for_step(project, runner, 3)
    runner.send_signal(signal.SIGTERM)
    runner.communicate(timeout=60)
    return project.run_folder("A2") / "checkpoints" / "last.safetensors"


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_used_is_named(project: Project) -> None:
    last = _begun(project)
    whole = last.read_bytes()
    cases = {
        "is cut short or damaged": whole[: len(whole) // 2],
        "is a pickle": b"\x80\x04\x95" + bytes(64),
        "belongs to no run of this program": _foreign(project),
    }
    for words, content in cases.items():
        last.write_bytes(content)
        done = project.run("--exp", "A2", *_epochs(4), "--resume", code=2)
        assert words in done.stderr
        assert "--again" in done.stderr
        assert last.read_bytes() == content  # nothing lost
    last.write_bytes(whole)
    project.run("--exp", "A2", *_epochs(4), "--resume")


def _foreign(project: Project) -> bytes:
    import torch
    from safetensors.torch import save

    return save({"weight": torch.zeros(3)})


@pytest.mark.slow
def test_a_full_disk_loses_nothing(project: Project, reference: Path, tmp_path: Path) -> None:
    """A file system that holds one pair of checkpoints and not the next one beside it."""
    small = tmp_path / "smalldisk"
    small.mkdir()
    checkpoints = sum(p.stat().st_size for p in (reference / "checkpoints").iterdir())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={checkpoints + (2 << 20)}", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        words = ["--exp", "A2", *_epochs(4), "--runs-dir", str(small / "runs")]
        done = project.run(*words, code=1)
        assert "disk full: " in done.stderr
        assert "--resume" in done.stderr
        (run,) = (small / "runs" / "small" / "A2").iterdir()
        assert json.loads((run / "attempt-01" / "exit.json").read_text())["reason"].startswith("disk full")
        assert not list(run.rglob("*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=256m", str(small)], check=True)
        project.run(*words, "--resume")
        _assert_equal_runs(run, reference)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.slow
def test_a_terminal_that_closes_stops_nothing(project: Project, reference: Path) -> None:
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    runner = subprocess.Popen(
        [*PROGRAM, "--exp", "A2", *_epochs(4)],
        cwd=project.folder,
        env=project.environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 (no threads here)
    )
    os.close(slave)
    shown = b""
    while b"epoch 1 training" not in shown:  # the bar, drawn because this is a terminal
        shown += os.read(master, 1 << 16)
    os.close(master)  # hangs up on everybody whose terminal this was
    assert runner.wait(timeout=90) == 0
    ended = json.loads((project.run_folder("A2") / "attempt-01" / "exit.json").read_text())
    assert ended["state"] == "completed"
    _assert_equal_runs(project.run_folder("A2"), reference)


@pytest.mark.slow
def test_ctrl_c_under_tee_stops_the_run_and_reports_it(project: Project, reference: Path) -> None:
    """The pipe's reader dies of the same Ctrl-C; the run is stopped all the same, and recorded."""
    words = " ".join([*PROGRAM, "--exp", "A2", *_epochs(4)])
    shell = subprocess.Popen(
        ["bash", "-c", f"{words} 2>&1 | tee out.log; echo ${{PIPESTATUS[0]}} > status"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while "epoch 1:" not in (project.folder / "out.log").read_text() if (project.folder / "out.log").exists() else True:
        assert shell.poll() is None
        time.sleep(0.02)
    for process in psutil.Process(shell.pid).children(recursive=True):  # as the terminal does, but for the worker,
        if os.getsid(process.pid) == shell.pid:  # which has a session of its own
            process.send_signal(signal.SIGINT)
    shell.wait(timeout=60)
    assert (project.folder / "status").read_text().strip() == "130"
    ended = json.loads((project.run_folder("A2") / "attempt-01" / "exit.json").read_text())
    assert ended["reason"].startswith("stopped on request")
    project.run("--exp", "A2", *_epochs(4), "--resume")
    _assert_equal_runs(project.run_folder("A2"), reference)


@pytest.mark.slow
def test_a_reader_that_leaves_does_not_leave_the_run_alone(project: Project) -> None:
    words = " ".join([*PROGRAM, "--exp", "A2", "--epochs", "2"])
    subprocess.run(f"{words} | head -2", shell=True, cwd=project.folder, env=project.environment(), check=True)
    ended = json.loads((project.run_folder("A2") / "attempt-01" / "exit.json").read_text())
    assert ended["state"] == "completed"


@pytest.mark.slow
def test_a_kill_while_a_checkpoint_is_written_leaves_nothing_behind(project: Project) -> None:
    project.run("--exp", "A2", "--epochs", "1")
    run = project.run_folder("A2")
    for left in (run / "checkpoints" / ".writing", run / "attempt-01" / "writing"):
        left.mkdir()
        (left / ".tmpAbCdEf").write_bytes(bytes(1000))
    for name in ("attempt-01/exit.json", "result.json", "checkpoints/last.safetensors"):
        (run / name).unlink()
    project.run("--exp", "A2", "--epochs", "1", "--resume")
    assert [p.name for p in run.rglob("*writing*")] == ["writing"]
    assert (run / "attempt-01" / "writing").is_file()
    checkpoints = run / "checkpoints"
    assert {p.name for p in checkpoints.iterdir()} == {"last.safetensors", "best.safetensors"}
