"""Programs of ours start with descriptors 0-2 open, and with nothing of the working folder in place of a library."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest

import iqa_train
import iqa_tui
from iqa_train.devices.leases import Holder, acquire
from iqa_train.handed import HANDED, handing
from iqa_train.runner.program import python_command
from iqa_train.startup import handed_on, libraries_first
from tests.conftest import Project

PACKAGES = [Path(str(package.__file__)).parent for package in (iqa_train, iqa_tui)]
SOURCES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
CLOSED = [tuple(k for k in range(3) if bits[k]) for bits in product((False, True), repeat=3) if any(bits)]

# Names that users give their files, and that libraries of ours import under.
SHADOWS = (
    "queue",
    "random",
    "types",
    "enum",
    "json",
    "logging",
    "select",
    "signal",
    "torch",
    "numpy",
    "psutil",
    "click",
)


def closing(descriptors: tuple[int, ...], command: list[str]) -> list[str]:
    """The command, started by a shell without these descriptors."""
    return ["/bin/sh", "-c", 'exec "$@" ' + " ".join(f"{d}>&-" for d in descriptors), "sh", *command]


def run_closed(
    project: Project, descriptors: tuple[int, ...], command: list[str], **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        closing(descriptors, command), cwd=project.folder, env=project.environment() | environment, text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def programs() -> list[Path]:
    """Every module that is run as a program."""
    text = Path(PACKAGES[0].parent, "pyproject.toml").read_text()
    modules = [entry.partition(":")[0] for entry in tomllib.loads(text)["project"]["scripts"].values()]
    scripts = [PACKAGES[0].parent.joinpath(*module.split(".")).with_suffix(".py") for module in modules]
    return sorted({*scripts, *(path for path in SOURCES if 'if __name__ == "__main__"' in path.read_text())})


@pytest.mark.parametrize("path", programs(), ids=lambda path: path.stem)
def test_every_program_begins_with_it(path: Path) -> None:
    first = ast.parse(path.read_text()).body[1]
    assert isinstance(first, ast.Import)
    assert [name.name for name in first.names] == ["iqa_train.startup"]


def test_one_place_says_how_a_program_is_started() -> None:
    spelt = [path.name for path in SOURCES if re.search(r'"-m"|sys\.executable', path.read_text())]
    # A queue item names its interpreter (environment), as {python} does in a command (contract); the stand-in worker of
    # tests is a file (start_worker).
    assert sorted(spelt) == ["contract.py", "environment.py", "program.py", "start_worker.py"]


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_a_command_without_them_does_its_work(project: Project, closed: tuple[int, ...]) -> None:
    """What it prints goes nowhere where that was closed; nothing else changes."""
    done = run_closed(project, closed, [*python_command("iqa_train.cli.main"), "status"])
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("nothing is queued" in done.stdout) == (1 not in closed)
    failed = run_closed(project, closed, [*python_command("iqa_train.cli.main"), "check", "--nonsense"])
    assert failed.returncode == 2
    assert ("--nonsense" in failed.stderr) == (2 not in closed)
    assert "Traceback" not in failed.stderr


COMMANDS = [
    "--version", "--help", "--exp A1 --dry-run", "check", "compare", "data list", "devices", "doctor", "logs", "queue",
    "queue resume", "queue pause", "report", "results --json", "status --json", "stop --all", "relaunch A1", "predict",
    "predict --help", "test", "test --help", "import-log", "import-log --help",
]  # fmt: skip

# Forks a process for each command, in which these descriptors are closed as at a start; prints how each ended.
EACH = """
import json, os, sys, traceback
from iqa_train import startup
from iqa_train.cli import main
from iqa_train.cli.commands import check, data, devices, doctor, logs, queue, report, results, status, stop, train

def end(words, closed):
    for descriptor in (0, 1, 2):
        os.close(descriptor)
        if descriptor not in closed:
            os.open("said" if descriptor else os.devnull, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        else:
            setattr(sys, ("stdin", "stdout", "stderr")[descriptor], None)
    startup.open_standard_descriptors()
    try:
        code = main.main(words)
    except SystemExit as error:
        code = error.code
    except BaseException:
        with open("said", "a") as file:
            traceback.print_exc(file=file)
        code = 99
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)

codes = {}
for command in json.loads(sys.argv[1]):
    child = os.fork() or end(command.split(), json.loads(sys.argv[2]))
    codes[command] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(codes))
"""


def codes_of_all(project: Project, closed: tuple[int, ...]) -> dict[str, int]:
    """The exit code of every command; all that they said is free of tracebacks."""
    done = subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(COMMANDS), json.dumps(closed)], cwd=project.folder,
        env=project.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = project.folder / "said"
    assert "Traceback" not in (said.read_text() if said.exists() else "")
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_every_command_ends_as_it_does_with_them(project: Project) -> None:
    (project.folder / "runs").mkdir()
    usual = codes_of_all(project, ())
    assert set(usual.values()) == {0, 1, 2}  # 1: a report of nothing
    for closed in CLOSED:
        assert codes_of_all(project, closed) == usual, closed


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1, 2)], ids=str)
def test_the_console_says_that_it_needs_a_terminal(project: Project, closed: tuple[int, ...]) -> None:
    done = run_closed(project, closed, python_command("iqa_tui.cli"))
    assert done.returncode == 2
    assert ("the console needs a terminal" in done.stderr) == (2 not in closed)


TRAIN = ["--exp", "A1", "--epochs", "2"]


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1, 2)], ids=str)
def test_a_run_in_the_foreground_keeps_its_lease(project: Project, closed: tuple[int, ...]) -> None:
    """The worker holds the lock of its run and the lease of its device, neither of them below 3."""
    stand_in = project.folder / "worker.py"
    stand_in.write_text(
        "import os\nfrom pathlib import Path\n"
        "held = {int(p.name): os.readlink(p) for p in Path('/proc/self/fd').iterdir() if p.is_symlink()}\n"
        "Path('held').write_text(repr({k: Path(v).name for k, v in held.items() if 'lock' in v}))\n"
    )
    done = run_closed(project, closed, [*python_command("iqa_train.cli.main"), *TRAIN], IQA_TRAIN_WORKER=str(stand_in))
    assert "Traceback" not in done.stderr
    held = ast.literal_eval((project.folder / "held").read_text())
    assert sorted(held.values()) == ["cpu-0.lock", "lock"]
    assert min(held) > 2


@pytest.mark.parametrize(
    "module",
    [
        "iqa_train.scheduler.scheduler", "iqa_train.scheduler.detached_runner",
        "iqa_train.execution.scheduler", "iqa_train.execution.detached",  # as before an upgrade
    ],
)  # fmt: skip
def test_scheduler_and_runner_without_any(project: Project, module: str) -> None:
    device = '{"kind": "cpu", "index": 0, "key": "cpu-0", "name": "CPU"}'
    runs = project.folder / "runs"
    run = [str(runs / "small" / "A1" / "s1-0123456789"), "--attempt", "1", "--logs-dir", "logs", "--device", device]
    words = [str(runs)] if module.endswith("scheduler") else run
    Path(run[0]).mkdir(parents=True)
    done = run_closed(project, (0, 1, 2), python_command(module, *words))
    assert done.returncode in {0, 75}  # nothing to do; the run is not in the queue


# What a worker was handed.

CHECK = "from iqa_train.handed import require_handed; require_handed()"


def check_handed(handed: str, descriptors: tuple[int, ...]) -> str:
    """What the check says in a process that inherits these descriptors; "" if all is well."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=os.environ | {HANDED: handed}, pass_fds=descriptors, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def test_a_worker_checks_what_it_was_handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQA_TRAIN_LEASES", str(tmp_path))
    lease, shared = acquire("one", Holder("A1")), acquire("two", Holder("A2"), places=2)
    assert lease is not None
    assert shared is not None
    held = (*lease.descriptors, *shared.descriptors)
    handed = handing(held)[HANDED]
    assert check_handed(handed, held) == ""
    assert "is not the lock" in check_handed(handed, held[1:])  # closed on the way
    other = os.open(os.devnull, os.O_RDWR)
    os.dup2(other, held[0])
    assert "is not the lock" in check_handed(handed, held)  # another file by that number
    unlocked = os.open(lease.paths[0], os.O_RDWR)
    os.dup2(unlocked, held[0])
    assert "is not the lock" in check_handed(handed, held)  # the file, but not locked by us
    os.close(other)
    os.close(unlocked)
    lease.close()
    shared.close()


@pytest.mark.slow
def test_a_worker_that_does_not_hold_its_locks_ends(project: Project) -> None:
    run = project.folder / "runs" / "small" / "A1" / "s42-0123456789"
    (run / "attempt-01").mkdir(parents=True)
    done = run_closed(
        project, (), python_command("iqa_train.training.worker", str(run), str(run / "attempt-01")),
        **{HANDED: "7:1:2:1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "descriptor 7 is not the lock that was passed to this worker" in done.stdout
    asked = run_closed(project, (), python_command("iqa_train.training.cross_test_worker"), **{HANDED: "7:1:2:1"})
    assert asked.returncode == 1
    assert asked.stderr.startswith("iqa-train: descriptor 7 is not the lock")
    assert "Traceback" not in done.stdout + done.stderr + asked.stderr


# The import path.


def plant(folder: Path) -> None:
    """Files of a user's, by names of libraries, that leave a mark where they run; and another checkout of ours."""
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'RAN')!r}, 'a').write('{name} ')\nraise SystemExit(3)\n"
        )
    (folder / "iqa_train").mkdir()
    (folder / "iqa_train" / "__init__.py").write_text(
        f"open({str(folder / 'RAN')!r}, 'a').write('iqa_train ')\nraise SystemExit(3)\n"
    )


SLOW = pytest.mark.slow  # they import torch


@pytest.mark.parametrize(
    ("module", "words", "code"),
    [
        ("iqa_train.cli.main", ["status"], 0),
        ("iqa_tui.cli", ["--version"], 0),
        ("iqa_train.scheduler.scheduler", ["."], 0),
        ("iqa_train.scheduler.detached_runner", ["--help"], 0),
        pytest.param("iqa_train.training.worker", ["--help"], 0, marks=SLOW),
        pytest.param("iqa_train.training.cross_test_worker", [], 0, marks=SLOW),
    ],
    ids=lambda value: value.rpartition(".")[2] if isinstance(value, str) else "",
)
def test_a_users_files_do_not_run_in_place_of_libraries(
    tmp_path: Path, module: str, words: list[str], code: int
) -> None:
    plant(tmp_path)
    request = '{"again": false, "runs": []}' if module.endswith("cross_test_worker") else ""
    done = subprocess.run(
        python_command(module, *words), cwd=tmp_path, input=request, capture_output=True, text=True, check=False
    )
    assert not (tmp_path / "RAN").exists(), (tmp_path / "RAN").read_text()
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("entry", ["", ".", "{here}", ":", "{here}/sub/.."])
def test_nor_by_way_of_pythonpath(tmp_path: Path, entry: str) -> None:
    """`PYTHONPATH=$PYTHONPATH:/opt` names the working folder where the variable was empty."""
    for name in SHADOWS[5:]:  # what Python itself imports before us is not ours to mend
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)\n")
    variable = f"{entry.format(here=tmp_path)}:{PACKAGES[0].parent}"
    done = subprocess.run(
        python_command("iqa_train.cli.main", "status"), cwd=tmp_path, env=os.environ | {"PYTHONPATH": variable},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_we_start_has_no_working_folder_before_its_libraries(tmp_path: Path) -> None:
    here, own = str(tmp_path), str(tmp_path / "own")
    assert handed_on(os.pathsep.join(["", ".", own]), str(Path.cwd()), "/elsewhere") == own
    assert handed_on(here, here, here) == here  # where the program itself lies


def test_installed_libraries_precede_the_working_folder() -> None:
    assert libraries_first(["/here", "/opt/own", "/lib", "/site"], ":/opt/own", "/here") == [
        "/lib",
        "/site",
        "/here",
        "/opt/own",
    ]
    assert libraries_first(["", "/lib"], "", "/here") == ["/lib", ""]
    assert libraries_first(["/bin", "/lib"], "", "/here") == ["/bin", "/lib"]
