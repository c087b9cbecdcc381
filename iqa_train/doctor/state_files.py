"""The files that say how the runs and the queue stand: their damage, their times."""

from collections.abc import Callable, Iterator
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.runs.documents import (
    read_exit,
    read_provenance,
    read_result,
    read_runner,
    read_scheduler,
    read_spec_facts,
)
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import outcome_from
from iqa_train.scheduler.queue import read_queue


def damages_of(run: RunFolder) -> Iterator[tuple[str, str]]:
    """Each damaged file of a run, and what to do about it."""
    again = "move it away; status then says how the run stands, and relaunch goes on with it"
    cures = {run.spec: "move it away and queue the run again", run.provenance: again, run.result: again}
    try:
        cures |= {path: again for attempt in run.attempts() for path in (attempt.runner, attempt.exit)}
    except OSError:  # the state of the run says it
        return
    for path, cure in cures.items():
        damage = damage_of(path)
        if damage:
            yield damage, cure


def damage_of(path: Path) -> str:
    """What is wrong with a state file; empty if nothing, or if there is none."""
    try:
        _READERS[path.name](path)
    except RunError as error:
        return str(error).partition("; ")[0]
    except ValueError as error:
        return f"{path} is damaged ({error})"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return ""


def _read_exit(path: Path) -> None:
    ended = read_exit(path)
    if ended is not None:
        outcome_from(ended)


_READERS: dict[str, Callable[[Path], object]] = {
    "spec.json": read_spec_facts,
    "provenance.json": read_provenance,
    "result.json": read_result,
    "runner.json": read_runner,
    "exit.json": _read_exit,
    "scheduler.json": read_scheduler,
    "queue.json": lambda path: read_queue(path.parent),
}


def mtime(path: Path) -> float:
    """When the file was last written, in seconds since 1970; 0 where there is none to be seen."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
