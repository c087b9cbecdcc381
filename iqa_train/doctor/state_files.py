"""Damage and times of the state files of runs and queue."""

from collections.abc import Callable, Iterator
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import read_scheduler
from iqa_train.runs.outcome import outcome_from
from iqa_train.runs.snapshot import AttemptSnapshot, RunSnapshot
from iqa_train.scheduler.queue import read_queue


def damages_of(found: RunSnapshot) -> Iterator[tuple[str, str]]:
    """Each damaged file of a run that was read whole, and what to do about it. The state names unlisted attempts."""
    again = "move it away; status then shows the run's state, and relaunch continues it"
    cures: list[tuple[object, str]] = [
        (found.spec, "move it away and queue the run again"),
        (found.provenance, again),
        (found.result, again),
    ]
    cures += [(attempt.runner, again) for attempt in found.known_attempts]
    for document, cure in cures:
        if isinstance(document, Damage):
            yield document.words.partition("; ")[0], cure
    for attempt in found.known_attempts:
        if damage := _damage_of_exit(attempt):
            yield damage, again


def _damage_of_exit(attempt: AttemptSnapshot) -> str:
    if isinstance(attempt.exit, Damage):
        return attempt.exit.words.partition("; ")[0]
    try:
        if attempt.exit is not None:
            outcome_from(attempt.exit)
    except ValueError as error:
        return f"{attempt.files.exit} is damaged ({error})"
    return ""


def damage_of(path: Path) -> str:
    """What is wrong with a state file of the queue; empty if nothing, or if there is none."""
    try:
        _READERS[path.name](path)
    except RunError as error:
        return str(error).partition("; ")[0]
    except ValueError as error:
        return f"{path} is damaged ({error})"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return ""


_READERS: dict[str, Callable[[Path], object]] = {
    "scheduler.json": read_scheduler,
    "queue.json": lambda path: read_queue(path.parent),
}


def mtime(path: Path) -> float:
    """When the file was last written, in seconds since 1970; 0 where there is none to be seen."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
