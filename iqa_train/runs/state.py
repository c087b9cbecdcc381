"""What became of a run, derived from its files at every look; nothing stores a state.

The last attempt's exit.json says how it ended. Without one, a held lock says that it runs: the runner and its worker
share the lock, and the kernel lets go of it when the last of them is gone. Otherwise it is lost, unless the worker
itself left word that it was done.
"""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from iqa_train.files import DamagedFileError, is_held
from iqa_train.runs.documents import (
    EndEvent,
    EpochEvent,
    ExitFacts,
    RunnerFacts,
    end_lines,
    epoch_lines,
    read_exit,
    read_result,
    read_runner,
)
from iqa_train.runs.identity import boot_id, identity_from
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.outcome import FAILED, FINISHED, KILLED, WITH_RESULT, Outcome, outcome_from, outcome_of

QUEUED, STARTING, RUNNING, LOST = "queued", "starting", "running", "lost"

HEARTBEAT = 10.0  # seconds between two signs of life
SILENCE = 90.0  # without one, a run on another host counts as lost


@dataclass(frozen=True)
class RunState:
    """A state's name and why it is so, in words for a person."""

    name: str
    reason: str = ""
    can_pass: bool = False  # tried again, it may well succeed
    requested: bool = False  # somebody asked for this end

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return self.name in FINISHED

    @property
    def alive(self) -> bool:
        """Whether a process works on it."""
        return self.name in {STARTING, RUNNING}


def run_state(run: RunFolder) -> RunState:
    """The state of `run` now. Files that cannot be read or are damaged make a state of their own, not an error."""
    try:
        attempts = run.attempts()
        return _state(run, attempts[-1]) if attempts else _before_any(run)
    except DamagedFileError as error:
        return RunState(FAILED, f"{error}; mend or remove it, or start over with --again")
    except OSError as error:
        return RunState(LOST, f"{error.filename} cannot be read: {error.strerror}")


def _before_any(run: RunFolder) -> RunState:
    return RunState(STARTING) if is_held(run.lock) else RunState(QUEUED, "not started")


def _state(run: RunFolder, attempt: Attempt) -> RunState:
    ended = read_exit(attempt.exit)
    if ended is not None:
        return _ended(run, attempt, ended)
    facts = facts_of(attempt)
    if is_held(run.lock):
        return RunState(RUNNING if attempt.metrics.exists() else STARTING, _who_is_left(facts))
    ended = read_exit(attempt.exit)  # written since: the lock is let go of only after it
    return _ended(run, attempt, ended) if ended is not None else _without_lock(run, attempt, facts)


def _who_is_left(facts: RunnerFacts) -> str:
    runner, worker = identity_from(facts, "runner"), identity_from(facts, "worker")
    if runner is None or not runner.is_here or runner.alive:
        return ""
    if worker is None or worker.alive:
        return "its runner is gone; the worker goes on"
    return "runner and worker are gone; something that they started goes on: iqa-train stop ends it"


def orphans_of(run: RunFolder) -> Attempt | None:
    """The attempt under way of which runner and worker are gone and something that they started is left; else None."""
    attempts = run.attempts()
    facts = facts_of(attempts[-1]) if attempts else {}
    runner, worker = identity_from(facts, "runner"), identity_from(facts, "worker")
    if runner is None or worker is None or not runner.is_here or runner.alive or worker.alive:
        return None
    return attempts[-1] if is_held(run.lock) and not attempts[-1].exit.exists() else None


def facts_of(attempt: Attempt) -> RunnerFacts:
    """What its runner.json tells; nothing if it is not there or damaged."""
    try:
        return read_runner(attempt.runner) or {}
    except DamagedFileError:  # whether it runs is not for this file to say
        return {}


def _ended(run: RunFolder, attempt: Attempt, ended: ExitFacts) -> RunState:
    try:
        outcome = outcome_from(ended)
    except ValueError as error:
        return RunState(FAILED, f"{attempt.exit} is damaged ({error}); --again starts the run over")
    return _of(run, outcome)


def _of(run: RunFolder, outcome: Outcome) -> RunState:
    if outcome.exit_code in WITH_RESULT and read_result(run.result) is None:
        return RunState(LOST, "it ended well, but its result is gone")
    return RunState(outcome.state, outcome.reason, outcome.can_pass, outcome.requested)


def _without_lock(run: RunFolder, attempt: Attempt, facts: RunnerFacts) -> RunState:
    """Of an attempt that no process of this host works on and nobody has closed."""
    word = last_word(attempt)
    if word is not None:  # the runner was killed, the worker finished
        early = bool((read_result(run.result) or {}).get("stopped_early"))
        return _of(run, outcome_of(word["code"], word["message"], stopped_early=early))
    elsewhere = facts.get("host", socket.gethostname())
    if elsewhere != socket.gethostname():
        silent = time.time() - _last_sign(attempt)
        if abs(silent) < SILENCE:
            return RunState(RUNNING, f"on host {elsewhere}")
        sign = f"the last sign of life from host {elsewhere} is {abs(silent) / 60:.0f} min"
        if silent < 0:  # it may well be running there: nothing is to be started in its place
            return RunState(LOST, f"{sign} in the future: the clocks differ, or one was set")
        return RunState(LOST, f"{sign} old", can_pass=True)
    if attempt.stop.exists():
        return RunState(KILLED, "stopped on request; --resume continues", requested=True)
    if facts and facts.get("boot_id") != boot_id():
        return RunState(LOST, "host rebooted", can_pass=True)
    return RunState(LOST, "its processes are gone and left no word", can_pass=True)


def _last_sign(attempt: Attempt) -> float:
    files = (attempt.heartbeat, attempt.metrics, attempt.runner)
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)


def last_word(attempt: Attempt) -> EndEvent | None:
    """What the worker itself said at its end, if it did: `code` and `message`."""
    said = list(end_lines(attempt.metrics))
    return said[-1] if said else None


def epoch_events(run: RunFolder) -> list[EpochEvent]:
    """Every epoch's event since the run last started over, once each, by round and epoch."""
    events: dict[tuple[int, int], EpochEvent] = {}
    for attempt in run.attempts():
        runner = facts_of(attempt)
        if runner and not runner.get("resumed", True):
            events.clear()  # it started over
        for event in epoch_lines(attempt.metrics):
            events[event["round"], event["epoch"]] = event
        if RunFolder(attempt.folder).outcome():  # set aside, for the next to start over, even if that left no word
            events.clear()
    return [events[key] for key in sorted(events)]


def log_of(attempt: Attempt) -> Path | None:
    """The attempt's log, if it came to have one."""
    facts = facts_of(attempt)
    return Path(facts.get("cwd", "."), facts["log"]) if "log" in facts else None
