"""What became of a run, derived from its files at every look; nothing stores a state."""

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.files import read_lines
from iqa_train.runs.layout import RunFolder

QUEUED, STARTING, RUNNING, COMPLETED, STOPPED_EARLY, FAILED, KILLED, LOST = (
    "queued", "starting", "running", "completed", "stopped-early", "failed", "killed", "lost",
)  # fmt: skip


@dataclass(frozen=True)
class RunState:
    """A state's name and why it is so, in words for a person."""

    name: str
    reason: str = ""

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return self.name in {COMPLETED, STOPPED_EARLY}

    @property
    def alive(self) -> bool:
        """Whether a process works on it."""
        return self.name in {STARTING, RUNNING}


def run_state(run: RunFolder) -> RunState:
    """The state of `run` now."""
    attempts = run.attempts()
    if not attempts:
        return RunState(QUEUED, "not started")
    attempt = attempts[-1]
    if is_held(run.lock):
        return RunState(RUNNING if attempt.metrics.exists() else STARTING)
    ended = read_json(attempt.exit)
    if ended is not None and ended["exit_code"] == 0 and not run.result.exists():
        return RunState(LOST, "it ended well, but its result is gone")
    if ended is not None:
        return RunState(ended["state"], ended["reason"])
    result = read_json(run.result)
    if result is not None:  # the runner died, the worker finished
        return RunState(STOPPED_EARLY if result["stopped_early"] else COMPLETED)
    return RunState(LOST, "its processes are gone and left no word")


def epoch_events(run: RunFolder) -> list[dict[str, Any]]:
    """Every epoch's event since the run last started over, once each, by round and epoch."""
    events: dict[tuple[int, int], dict[str, Any]] = {}
    for attempt in run.attempts():
        runner = read_json(attempt.runner)
        if runner is not None and not runner["resumed"]:
            events.clear()  # it started over
        for event in read_lines(attempt.metrics):
            if event.get("event") == "epoch":
                events[event["round"], event["epoch"]] = event
    return [events[key] for key in sorted(events)]


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`, or None where there is no file. Files are replaced whole, so a broken one is an error."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(value, dict):
        raise TypeError(f"{path} does not hold an object")
    return value


def is_held(lock: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
