"""Runs code of a study in a process of its own, with a time limit, to see what is wrong with it.

Whatever the code does, hang, crash, print or start processes, ends with that process. Knows nothing of torch.
"""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from iqa_train.files import parse_json
from iqa_train.runner.process_limits import starting
from iqa_train.runner.program import python_command

_OWN = {"OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", "OMP_WAIT_POLICY": "PASSIVE"}
_LONGEST = 1 << 20  # bytes of an event


@dataclass(frozen=True)
class TriedOut:
    """The events of a worker, and how it ended if it did not say that it was done."""

    events: list[Mapping[str, Any]]
    ended: str = ""

    def of(self, event: str) -> list[Mapping[str, Any]]:
        """The events of one kind."""
        return [found for found in self.events if found["event"] == event]

    def faults(self, ends: str) -> Iterator[tuple[str, str, str]]:
        """Code, severity and message of each fault; `ends` is the code of one that ended the process.

        Raises RuntimeError for a defect of this program.
        """
        for defect in self.of("defect"):
            raise RuntimeError(f"trying own code failed:\n{defect['trace']}")
        for fault in self.of("fault"):
            yield str(fault["code"]), str(fault["severity"]), str(fault["message"])
        if self.ended:
            doing = self.of("doing")
            yield ends, "error", f"it {self.ended}, while {doing[-1]['what'] if doing else 'starting'}"


class TryOut:
    """A worker `iqa_train.training.<module>` at work on a request, without any GPU."""

    def __init__(self, module: str, request: Mapping[str, Any], environment: dict[str, str] | None = None) -> None:
        """Start it. Raises RunError if no process can be started."""
        with starting("the worker"):
            self._worker = subprocess.Popen(
                python_command(f"iqa_train.training.{module}"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""} | _OWN | (environment or {}),
                start_new_session=True,
            )  # fmt: skip
        assert self._worker.stdin is not None
        with suppress(BrokenPipeError):
            self._worker.stdin.write(json.dumps(request).encode())
        with suppress(BrokenPipeError):
            self._worker.stdin.close()

    def result(self, seconds: float) -> TriedOut:
        """Wait for its end, at most `seconds`; then, and if the caller is interrupted, it is killed."""
        events: list[Mapping[str, Any]] = []
        try:
            for line in self._lines(time.monotonic() + seconds):
                if line is None:
                    return TriedOut(events, f"did not end within {seconds:g} seconds")
                with suppress(ValueError):  # cut short by its end
                    event = parse_json(line)
                    if isinstance(event, dict) and isinstance(event.get("event"), str):
                        events.append(event)
                if events and events[-1]["event"] in {"done", "defect"}:
                    return TriedOut(events)
            code = self._worker.wait()
            return TriedOut(events, _end_words(code))
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._worker.pid, signal.SIGKILL)
        self._worker.wait()
        assert self._worker.stdout is not None
        self._worker.stdout.close()

    def _lines(self, deadline: float) -> Iterator[bytes | None]:
        """Each line; None at the deadline."""
        assert self._worker.stdout is not None
        poller = select.poll()
        poller.register(self._worker.stdout, select.POLLIN)
        rest = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                yield None
                return
            chunk = os.read(self._worker.stdout.fileno(), 1 << 16)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            rest = rest[:_LONGEST]


def _end_words(code: int) -> str:
    if code >= 0:
        return f"ended its process with exit code {code}"
    name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
    return f"was killed by {name}" + (", as for lack of memory" if code == -signal.SIGKILL else "")
