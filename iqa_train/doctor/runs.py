"""Runs that came to nothing unseen, damaged files, and what ended attempts left."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_train.doctor.check_result import Checkup
from iqa_train.doctor.naming import command_for, name_of
from iqa_train.doctor.queue import waiting_in
from iqa_train.doctor.state_files import damage_of, damages_of
from iqa_train.locks import is_held
from iqa_train.runner.process_tree import processes_of
from iqa_train.runs.imported import imported_from
from iqa_train.runs.layout import QueueFiles, RunFolder, run_folders
from iqa_train.runs.state import RunState, run_state
from iqa_train.runs.state_names import LOST
from iqa_train.text import join_names, plural

SETTLING = 0.5
"""Seconds in which the last process of a run that has ended must be gone."""


def check_runs(runs_dir: Path) -> Iterator[Checkup]:
    """Lost runs, damaged state files (the queue's too), left-overs, and processes that outlive their runs."""
    files = QueueFiles(runs_dir)
    for path, cure in (
        (files.queue, "move it away and queue the runs again: none is lost"),
        (files.scheduler, "remove it; the scheduler writes it anew"),
    ):
        damage = damage_of(path)
        if damage:
            yield Checkup("state-files", "error", damage, cure)
    waiting = {item.run for item in waiting_in(runs_dir)}
    runs = [(run, run_state(run)) for run in run_folders(runs_dir)]
    left: list[str] = []
    damaged = False
    for run, state in runs:
        for damage, cure in damages_of(run):
            damaged = True
            yield Checkup("state-files", "error", damage, cure)
        left += _left(run, state)
    lost = [(r, s) for r, s in runs if s.name == LOST and str(r.path.relative_to(runs_dir)) not in waiting]
    lost = [(r, s) for r, s in lost if imported_from(r) is None]  # a log that was cut short cannot go on
    if lost:
        named = "; ".join(f"{name_of(run)}: {state.reason}" for run, state in lost[:3])
        named += f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        cure = f"`{command_for('relaunch EXP', runs_dir)}` goes on from the last checkpoint"
        yield Checkup("lost-runs", "warning", f"{plural(len(lost), 'run')} lost: {named}", cure)
    if left:
        message = f"ended attempts left {plural(len(left), 'file')} that do no harm: {join_names(left, most=3)}"
        yield Checkup("left-overs", "note", message, "remove them as you like")
    yield from _outliving([run for run, state in runs if not state.alive])
    if not lost and not damaged:
        alive = sum(state.alive for _, state in runs)
        summary = f"{plural(len(runs), 'run')} in {runs_dir}, {alive} alive, none lost"
        yield Checkup("runs", "ok", summary if runs_dir.is_dir() else f"{runs_dir} is made by the first run")


def _outliving(ended: Sequence[RunFolder]) -> Iterator[Checkup]:
    """Runs that have ended while a process of theirs goes on: it may still use their device."""
    held = [run for run in ended if _is_locked(run)]
    if held:
        time.sleep(SETTLING)
    for run in held:
        if _is_locked(run) and not run_state(run).alive:
            pids = " ".join(str(process.pid) for attempt in run.attempts() for process in processes_of(attempt.folder))
            message = f"{name_of(run)} has ended, but a process of it still lives and holds {run.lock}"
            yield Checkup("runs", "warning", message, f"kill {pids}" if pids else f"fuser {run.lock} tells which")


def _is_locked(run: RunFolder) -> bool:
    try:
        return is_held(run.lock)
    except OSError:  # another user's
        return False


def _left(run: RunFolder, state: RunState) -> list[str]:
    """Files that only a living attempt needs, of attempts that do not live."""
    try:
        attempts = run.attempts()
        dead = attempts[:-1] if state.alive else attempts
        return [str(p) for attempt in dead for p in (attempt.reserve, attempt.heartbeat) if p.exists()]
    except OSError:
        return []
