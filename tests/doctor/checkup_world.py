"""Projects and hosts to be looked at, made of real files, locks and commands; and what is found there."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from iqa_train.doctor.check_result import CheckScope, Checkup
from iqa_train.doctor.run_checks import checkups
from iqa_train.files import write_json
from iqa_train.runs.identity import this_process
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.outcome import OK, outcome_of
from iqa_train.scheduler.queue import Item, Queue, edit_queue

ROOT = Path(__file__).parents[2]
HERE = socket.gethostname()
AS_JSON = """
import json, os, sys
from pathlib import Path
from iqa_train.doctor.run_checks import checkups
from iqa_train.doctor.check_result import CheckScope
here, root = map(Path, sys.argv[1:])
os.chdir(here)
found = checkups(CheckScope(here / "runs", here / "logs", root=root))
print(json.dumps([checkup.as_json() for checkup in found]))
"""


def found(where: CheckScope, name: str, *verdicts: str) -> list[Checkup]:
    return [c for c in checkups(where) if c.name == name and (not verdicts or c.verdict in verdicts)]


def the(where: CheckScope, name: str) -> Checkup:
    (checkup,) = found(where, name)
    return checkup


def ills(where: CheckScope) -> list[Checkup]:
    return [c for c in checkups(where) if c.verdict in {"warning", "error"} and c.name not in {"disk-space", "gpu"}]


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """A program of the system's, of that name, found before all others."""
    program = put(folder / "bin" / name, f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def a_run(where: CheckScope, experiment: str, *, ended: bool = False, host: str = HERE) -> tuple[RunFolder, Attempt]:
    """A run with one attempt; without an end nobody works on it any more."""
    run = RunFolder(where.runs_dir / "lr5e7" / experiment / "s42-0123456789")
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    write_json(run.spec, {"slug": experiment, "settings": {}})
    facts = {"host": host, "boot_id": this_process().boot_id, "runner": {"pid": 1 << 22, "created": 1}, "log": "a.log"}
    write_json(attempt.runner, facts)
    if ended:
        write_json(run.result, {"srcc": 0.9})
        write_json(attempt.exit, asdict(outcome_of(OK, None)))
    run.lock.touch()
    return run, attempt


def queue(where: CheckScope, *experiments: str, **values: Any) -> None:
    where.runs_dir.mkdir(exist_ok=True)
    items = [Item(f"lr5e7/{name}/s42-0123456789", name, 42) for name in experiments]
    for item in items:
        (where.runs_dir / item.run).mkdir(parents=True, exist_ok=True)
    with edit_queue(where.runs_dir) as edit:
        edit.queue = Queue(tuple(items), **values)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mounts(where: CheckScope, *entries: str) -> None:
    """The kernel's table of mounts: `point type options` each, beside a local root."""
    lines = ["22 1 254:0 / / rw,relatime - ext4 /dev/vda rw", "nonsense"]
    for number, entry in enumerate(entries, 30):
        point, kind, options = entry.split()
        lines.append(f"{number} 22 0:{number} / {point} rw,relatime shared:1 - {kind} server:/x {options}")
    put(where.root / "proc/self/mountinfo", "\n".join(lines))


def in_a_process(
    where: CheckScope, prefix: tuple[str, ...] = (), **environment: str
) -> dict[str, list[dict[str, str]]]:
    """The findings of another process, by name."""
    here = where.runs_dir.parent
    command = [*prefix, sys.executable, "-c", AS_JSON, str(here), str(where.root)]
    paths = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=here, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    by_name: dict[str, list[dict[str, str]]] = {}
    for checkup in json.loads(done.stdout):
        assert set(checkup) == {"name", "verdict", "message", "cure"}
        by_name.setdefault(checkup["name"], []).append(checkup)
    return by_name
