"""Lost runs, damaged files, and what ended attempts left behind."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.naming import command_for, name_of
from iqa_train.doctor.queue import waiting_in
from iqa_train.doctor.state_files import damage_of, damages_of
from iqa_train.files import DamagedFileError
from iqa_train.locks import is_held
from iqa_train.runner.process_tree import processes_of
from iqa_train.runs.design_file import read_design
from iqa_train.runs.kind import kind_of
from iqa_train.runs.layout import QueueFiles, RunFolder, run_folders
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.runs.state import RunState, run_state, state_of
from iqa_train.runs.state_names import LOST
from iqa_train.text import join_names, plural

SETTLING = 0.5
"""Seconds in which the last process of a run that has ended must be gone."""


def check_runs(runs_dir: Path) -> Iterator[Checkup]:
    """Lost runs, damaged state files (the queue's too), left-overs, and processes that outlive their runs."""
    files = QueueFiles(runs_dir)
    for path, cure in (
        (files.queue, "move it away and queue the runs again; no run is lost"),
        (files.scheduler, "remove it; the scheduler writes it again"),
    ):
        damage = damage_of(path)
        if damage:
            yield Checkup("state-files", "error", damage, cure)
    yield from _designs(runs_dir)
    reader = SnapshotReader()
    waiting = {item.run for item in waiting_in(runs_dir, reader)}
    runs = [(found, state_of(found)) for found in reader.read_all(runs_dir, whole=True)]
    left: list[str] = []
    damaged = False
    for found, state in runs:
        for damage, cure in damages_of(found):
            damaged = True
            yield Checkup("state-files", "error", damage, cure)
        left += _left(found, state)
    lost = [(f.run, s) for f, s in runs if s.name == LOST and kind_of(f.spec, f.provenance).made_here]
    lost = [(run, state) for run, state in lost if str(run.path.relative_to(runs_dir)) not in waiting]
    if lost:
        named = "; ".join(f"{name_of(run)}: {state.reason}" for run, state in lost[:3])
        named += f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        cure = f"`{command_for('relaunch EXP', runs_dir)}` continues from the last checkpoint"
        yield Checkup("lost-runs", "warning", f"{plural(len(lost), 'run')} lost: {named}", cure)
    if left:
        message = f"ended attempts left {plural(len(left), 'file')} that do no harm: {join_names(left, most=3)}"
        yield Checkup("left-overs", "note", message, "remove them as you like")
    yield from _outliving([found.run for found, state in runs if not state.alive])
    if not lost and not damaged:
        alive = sum(state.alive for _, state in runs)
        summary = f"{plural(len(runs), 'run')} in {runs_dir}, {alive} alive, none lost"
        yield Checkup("runs", "ok", summary if runs_dir.is_dir() else f"{runs_dir} will be created by the first run")


def _designs(runs_dir: Path) -> Iterator[Checkup]:
    """Damaged designs."""
    for study in dict.fromkeys(run.study for run in run_folders(runs_dir)):
        try:
            read_design(runs_dir, study)
        except DamagedFileError as error:
            cure = "restore it from a copy; if it is deleted, a new one is written and verdicts are exploratory"
            yield Checkup("state-files", "error", str(error), cure)


def _outliving(ended: Sequence[RunFolder]) -> Iterator[Checkup]:
    """Runs that have ended while one of their processes is still alive: it may still use their device."""
    held = [run for run in ended if _is_locked(run)]
    if held:
        time.sleep(SETTLING)
    for run in held:
        if _is_locked(run) and not run_state(run).alive:
            pids = " ".join(str(process.pid) for attempt in run.attempts() for process in processes_of(attempt.folder))
            message = f"{name_of(run)} has ended, but one of its processes is still alive and holds {run.lock}"
            yield Checkup("runs", "warning", message, f"kill {pids}" if pids else f"fuser {run.lock} shows which")


def _is_locked(run: RunFolder) -> bool:
    try:
        return is_held(run.lock)
    except OSError:  # another user's
        return False


def _left(found: RunSnapshot, state: RunState) -> list[str]:
    """Files that only a living attempt needs, of attempts that have ended."""
    attempts = [attempt.files for attempt in found.known_attempts]
    ended = attempts[:-1] if state.alive else attempts
    try:
        return [str(path) for attempt in ended for path in (attempt.reserve, attempt.heartbeat) if path.exists()]
    except OSError:
        return []
