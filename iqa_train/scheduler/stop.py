"""Stops runs: asks the runner, or the worker where the runner has ended, and kills what is left after a grace."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from iqa_train.runner.process_tree import kill_all, processes_of
from iqa_train.runs.attempt_facts import read_runner_info, worker_identity
from iqa_train.runs.documents import RunnerFacts
from iqa_train.runs.identity import ProcessIdentity, identity_from, origin_from, require_own_proc
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.runs.state import RunState, run_state, state_of
from iqa_train.runs.state_names import OPEN, QUEUED, nothing_to_stop
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.queue import Item, edit_queue, folder_of, read_queue, removed, without_rounds
from iqa_train.scheduler.slurm import attend_slurm

if TYPE_CHECKING:  # a scheduler, which passes requests on, needs no overview
    from iqa_train.scheduler.overview import Row

WITHDRAWN = "was queued and has been removed from the queue"

_POLL = 0.05
_LAST_RESORT = 10.0  # seconds for a runner that was asked three times to kill its tree, before we do


def stop_run(run: RunFolder, grace: float, waiting: Callable[[], None] = lambda: None, *, asked: bool = False) -> str:
    """Stop `run` if it is alive; returns the outcome in words. The worker has `grace` seconds for its checkpoint.

    `asked`: the request to stop is on disk already, so its end may be an answer to that.
    """
    require_own_proc()
    state = run_state(run)
    if not state.alive:
        return _words(run) if asked and state.name != QUEUED else _ended_words(state)
    attempt = _attempt(run)
    if attempt is None:
        return "is just starting; try again in a moment"
    facts = read_runner_info(attempt)
    if facts.get("slurm"):
        from iqa_train.scheduler.slurm.stop_job import stop_job

        return stop_job(run, grace, waiting)
    runner = identity_from(facts, "runner")
    recipient = _asked(attempt, facts)
    if refused := _refusal(facts, recipient):
        return refused
    attempt.stop.touch()  # before any process ends: a run that was stopped is not lost
    if recipient is None:  # ended or unknown: ask every session leader; a worker is one
        for process in processes_of(attempt.folder):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(process.pid) == process.pid:
                    process.terminate()
                    process.resume()
    else:
        _signal(recipient, signal.SIGTERM)
    if gone_within(run, grace, waiting):
        return _words(run)
    if recipient is not None and recipient == runner:
        for _ in range(2):  # a runner that is asked three times kills all that its worker started
            _signal(recipient, signal.SIGTERM)
            time.sleep(0.1)
        if gone_within(run, _LAST_RESORT, waiting):
            return _words(run)
        _signal(recipient, signal.SIGKILL)
    kill_all(attempt.folder)
    gone_within(run, _LAST_RESORT, waiting)
    return _words(run)


def _asked(attempt: Attempt, facts: RunnerFacts) -> ProcessIdentity | None:
    """The process that a request to stop goes to; None where runner and worker have ended."""
    candidates = (identity_from(facts, "runner"), worker_identity(attempt, facts))
    return next((who for who in candidates if who is not None and who.alive), None)


def _refusal(facts: RunnerFacts, asked: ProcessIdentity | None) -> str:
    """Why the run cannot be stopped from here; "" if it can."""
    if facts.get("slurm"):
        return ""
    origin = origin_from(facts)
    if origin is not None and not origin.is_here:
        return f"runs {origin.where}; stop it there"
    if asked is not None and not _may_signal(asked):
        return f"is another user's (process {asked.pid}): only that user or root can stop it"
    return ""


def _ended_words(state: RunState) -> str:
    """For a run that no process works on."""
    return nothing_to_stop(state.name)


def withdraw(items: Sequence[Item], runs_dir: Path) -> set[str]:
    """Remove the waiting ones of `items` from the queue, all at once; returns their keys.

    In the same step the running ones get the request to stop on disk: a command killed before it signals loses nothing.
    No further rounds of their studies are wanted then.
    """
    with edit_queue(runs_dir) as edit:
        found = snapshots_of(items, runs_dir)
        for run in found.values():
            if state_of(run).alive:
                _leave_request(run)
        queued = [item for item in edit.queue.items if item.key in found]
        waiting = {item.key for item in queued if status_of(item, found[item.key]).phase == "waiting"}
        edit.queue = without_rounds(removed(edit.queue, list(waiting)), {item.study for item in items})
    attend_slurm(runs_dir, asked=True)  # its jobs that wait are cancelled
    return waiting


def end_rounds(runs_dir: Path, study: str | None) -> list[str]:
    """Want no further rounds, of a study or of any; returns of which they were wanted."""
    if not read_queue(runs_dir).rounds:
        return []
    with edit_queue(runs_dir) as edit:
        wanted = [name for name in edit.queue.rounds if study in {None, name}]
        edit.queue = without_rounds(edit.queue, wanted)
    return wanted


def _leave_request(run: RunSnapshot) -> None:
    last = run.last
    if last is not None and run.exit is None and not _refusal(last.facts, _asked(last.files, last.facts)):
        with contextlib.suppress(OSError):  # a full disk: the signal will do
            last.files.stop.touch()


def pass_on_request(run: RunFolder) -> bool:
    """Signal a worker whose stop was requested on disk and whose runner has ended; returns whether it was signalled."""
    attempts = run.attempts()
    if not attempts or not attempts[-1].stop.exists():
        return False
    facts = read_runner_info(attempts[-1])
    runner, worker = identity_from(facts, "runner"), identity_from(facts, "worker")
    if runner is None or worker is None or not runner.is_here or runner.alive or not worker.alive:
        return False
    _signal(worker, signal.SIGTERM)
    return True


def stop_item(
    item: Item, runs_dir: Path, grace: float, waiting: Callable[[], None] = lambda: None, *, asked: bool = False
) -> str:
    """Stop an item of the queue, waiting or running; returns the outcome. `asked`: see `stop_run`."""
    run = folder_of(item, runs_dir)
    if run_state(run).alive:
        return stop_run(run, grace, waiting)
    taken = withdraw([item], runs_dir)
    if run_state(run).alive:  # it was started in between
        return stop_run(run, grace, waiting)
    return WITHDRAWN if taken else stop_run(run, grace, waiting, asked=asked)


def stop_rows(
    rows: Sequence["Row"], runs_dir: Path, grace: float, waiting: Callable[[], None] = lambda: None
) -> list[tuple["Row", str]]:
    """Stop each of `rows`, waiting or running; returns the outcomes in words, in their order.

    A worker has `grace` seconds for its checkpoint; `waiting` is called meanwhile, from several threads, and may raise
    to end the wait: the requests to stop stay. Raises RunError for a damaged queue if one of them is queued.
    """
    from concurrent.futures import ThreadPoolExecutor

    open_items = [row.item for row in rows if row.state in OPEN and row.item]
    withdrawn = withdraw(open_items, runs_dir) if open_items else set()  # or it starts in another's place

    def stopped(row: "Row") -> str:
        if row.item is None or row.state not in OPEN:
            return stop_run(row.run, grace, waiting)
        if row.item.key in withdrawn and not run_state(row.run).alive:
            return WITHDRAWN
        return stop_item(
            row.item, runs_dir, grace, waiting, asked=True
        )  # it was open: another's stop may have ended it

    with ThreadPoolExecutor(max(1, min(32, len(rows)))) as pool:
        return list(zip(rows, pool.map(stopped, rows), strict=True))


def _attempt(run: RunFolder) -> Attempt | None:
    """The attempt under way, once its runner has written runner.json."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        attempts = run.attempts()
        if attempts and attempts[-1].runner.exists() and not attempts[-1].exit.exists():
            return attempts[-1]
        time.sleep(_POLL)
    attempts = run.attempts()  # its runner was killed before it could write it
    return attempts[-1] if attempts and processes_of(attempts[-1].folder) else None


def gone_within(run: RunFolder, seconds: float, waiting: Callable[[], None]) -> bool:
    """Whether the run is not alive any more after so many seconds at most; `waiting` is called meanwhile."""
    deadline, reader = time.monotonic() + seconds, SnapshotReader()
    while state_of(reader.read(run)).alive:
        if time.monotonic() > deadline:
            return False
        waiting()
        time.sleep(_POLL)
    return True


def _may_signal(who: ProcessIdentity) -> bool:
    if who.pid is not None:
        try:
            os.kill(who.pid, 0)
        except PermissionError:
            return False
        except ProcessLookupError:  # ended meanwhile
            return True
    return True


def _signal(who: ProcessIdentity, number: int) -> None:
    """Send a signal, and continue the process if it is suspended: it would not notice."""
    if who.alive and who.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(who.pid, number)
            os.kill(who.pid, signal.SIGCONT)


def _words(run: RunFolder) -> str:
    state = run_state(run)
    if state.alive:
        return f"is still {state.name} after every signal; its processes may be stuck in the kernel"
    return state.words
