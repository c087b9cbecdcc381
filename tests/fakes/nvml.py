"""The fake NVML library of nvml.c: builds it, writes its state, and runs the program where pynvml finds it.

The loader reads its search path when a process starts, so the program is asked in processes of its own.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

UUIDS = ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-89aa0134-0b71-5c2e-9d10-7a3c1de54f02")
H200 = 150_754_820_096  # bytes
RESERVED = 600 << 20
NEVER_A_PID = (1 << 22) + 1  # more than Linux can be told to allow

_ROOT = Path(__file__).parents[2]
_SAMPLE_AT = """
import json, sys
from dataclasses import asdict
from iqa_train.devices.nvml import Nvml
now = 0.0
nvml = Nvml(lambda: now)
for line in sys.stdin:
    now = float(line)
    sample = nvml.sample()
    print(json.dumps(asdict(sample) | {"stale": sample.stale, "age": sample.age(now)}), flush=True)
"""


@cache
def library(old: bool = False) -> tempfile.TemporaryDirectory[str]:
    """A folder with the compiled library, removed with the process; skips the test where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the fake NVML library with")
    folder = tempfile.TemporaryDirectory()
    command = [compiler, "-shared", "-fPIC", "-o", f"{folder.name}/libnvidia-ml.so.1", *(["-DOLD"] if old else [])]
    subprocess.run([*command, str(Path(__file__).with_name("nvml.c"))], check=True)
    return folder


def has_real_library() -> bool:
    """Whether this machine has an NVIDIA driver of its own."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


class FakeDriver:
    """A driver with two idle H200s; its state can change while programs run."""

    def __init__(self, folder: Path, old: bool = False) -> None:
        self._library = library(old).name
        self._state = folder / "nvml.state"
        self._calls = folder / "nvml.calls"
        self.lines = {"count": "2", "driver": "550.54.15"}
        for k, uuid in enumerate(UUIDS):
            readings = {
                "name": "NVIDIA H200", "uuid": uuid, "utilisation": "0", "memory": f"{H200} {RESERVED} 0",
                "temperature": "31", "power": "76500", "limit": "700000", "mig": "0", "processes": "",
            }  # fmt: skip
            self.lines |= {f"{k}.{what}": value for what, value in readings.items()}
        self.set()

    def set(self, lines: dict[str, object] | None = None, without: tuple[str, ...] = ()) -> None:
        """Change lines of the state and drop those in `without`, in one step."""
        self.lines |= {key: str(value) for key, value in (lines or {}).items()}
        for key in without:
            del self.lines[key]
        new = self._state.with_suffix(".new")
        new.write_bytes("".join(f"{key} {value}\n" for key, value in self.lines.items()).encode("latin-1"))
        new.replace(self._state)

    def calls(self, function: str) -> int:
        """How often a function of the library was called so far."""
        return self._calls.read_text().split().count(function)

    def environment(self, **more: str) -> dict[str, str]:
        mine = {"LD_LIBRARY_PATH": self._library, "FAKE_NVML_STATE": self._state, "FAKE_NVML_CALLS": self._calls}
        theirs = {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")}
        return theirs | {key: str(value) for key, value in mine.items()} | more

    def run(self, *words: str, **environment: str) -> str:
        """Run python with `words`; its output."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=_ROOT,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def conversation(self, **environment: str) -> Iterator["Conversation"]:
        """A process that takes samples on request."""
        with subprocess.Popen(
            [sys.executable, "-c", _SAMPLE_AT],
            cwd=_ROOT,
            env=self.environment(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield Conversation(process)


class Conversation:
    """Asks a process for samples."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def sample(self, now: float = 0.0) -> dict[str, Any]:
        """A Sample as JSON, with `stale` and `age`, taken when the clock shows `now` seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(now, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
