"""The state of a run, derived from its files on every read; nothing stores a state.

The last attempt's exit.json says how it ended. Without one, a held lock says that it runs: the runner and its worker
share the lock, and the kernel lets go of it when the last of them is gone. Otherwise it is lost, unless the worker
itself left word that it was done.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from iqa_train.files import DamagedFileError
from iqa_train.locks import is_held
from iqa_train.regular import real_path
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
from iqa_train.runs.identity import ProcessIdentity, boot_id, identity_from, identity_of, origin_from, suspension
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.marks import marked, worker_of
from iqa_train.runs.outcome import WITH_RESULT, Outcome, outcome_from, outcome_of
from iqa_train.runs.project import project_of
from iqa_train.runs.state_names import ALIVE, FAILED, FINISHED, KILLED, LOST, NOT_STARTED, QUEUED, RUNNING, STARTING

HEARTBEAT = 10.0  # seconds between two signs of life
SILENCE = 90.0  # without one, a run on another host or in another container counts as lost


@dataclass(frozen=True)
class RunState:
    """A state's name and why it is so, in words for a person."""

    name: str
    reason: str = ""
    can_pass: bool = False  # tried again, it may well succeed
    requested: bool = False  # somebody asked for this end
    suspended: bool = field(default=False, compare=False)  # alive, but stopped: its end cannot be foreseen
    elsewhere: bool = field(default=False, compare=False)  # alive where its processes cannot be seen

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return self.name in FINISHED

    @property
    def alive(self) -> bool:
        """Whether a process works on it."""
        return self.name in ALIVE


def run_state(run: RunFolder) -> RunState:
    """The state of `run` now. Files that cannot be read or are damaged make a state of their own, not an error."""
    try:
        attempts = run.attempts()
        return _state(run, attempts[-1]) if attempts else _before_any(run)
    except DamagedFileError as error:
        return RunState(FAILED, f"{error}; mend or remove it, or start over with --again")
    except OSError as error:
        return RunState(LOST, f"{error.filename} cannot be read: {error.strerror}")


def outside_the_queue(state: RunState) -> RunState:
    """`state` where nobody has queued the run."""
    return RunState(NOT_STARTED) if state.name == QUEUED else state


def _before_any(run: RunFolder) -> RunState:
    return RunState(STARTING) if is_held(run.lock) else RunState(QUEUED, "not started")


def _state(run: RunFolder, attempt: Attempt) -> RunState:
    ended = read_exit(attempt.exit)
    if ended is not None:
        return _ended(run, attempt, ended)
    facts = read_runner_info(attempt)
    if is_held(run.lock):
        return _alive(RUNNING if attempt.metrics.exists() else STARTING, attempt, facts)
    ended = read_exit(attempt.exit)  # written since: the lock is let go of only after it
    return _ended(run, attempt, ended) if ended is not None else _without_lock(run, attempt, facts)


def _alive(name: str, attempt: Attempt, facts: RunnerFacts) -> RunState:
    """Of an attempt whose lock is held: who of its processes is left, and whether they are stopped."""
    origin, runner = origin_from(facts), identity_from(facts, "runner")
    if origin is not None and not origin.is_here:
        silent = time.time() - _last_sign(attempt) > SILENCE
        sign = f", without a sign of life since {_clock(_last_sign(attempt))}" if silent else ""
        return RunState(name, f"{origin.where}{sign}", elsewhere=True)
    if runner is None:
        return RunState(name)
    worker = worker_identity(attempt, facts)
    if worker is not None and (words := suspension(worker, _since(attempt.metrics))):
        return RunState(name, words, suspended=True)
    if runner.alive:
        words = suspension(runner, _since(attempt.heartbeat))
        if words and worker is not None and worker.alive:
            return RunState(name, f"the worker continues, but its runner is {words}")
        return RunState(name, words, suspended=bool(words))
    if (worker is None and not marked(attempt.folder)) or (worker is not None and worker.alive):
        return RunState(name, "its runner is gone; the worker goes on")
    return RunState(name, "runner and worker are gone; something that they started goes on: iqa-train stop ends it")


def worker_identity(attempt: Attempt, facts: RunnerFacts) -> ProcessIdentity | None:
    """The attempt's worker, as its runner wrote down or, killed before it could, by its mark; None if there is none."""
    worker, runner = identity_from(facts, "worker"), identity_from(facts, "runner")
    if worker is not None or runner is None or not runner.is_here:
        return worker
    pid = worker_of(attempt)
    return None if pid is None else identity_of(pid)


def orphaned_attempt(run: RunFolder) -> Attempt | None:
    """The attempt under way of which runner and worker are gone and something that they started is left; else None."""
    attempts = run.attempts()
    facts = read_runner_info(attempts[-1]) if attempts else {}
    runner = identity_from(facts, "runner")
    if runner is None or not runner.is_here or runner.alive or not is_held(run.lock) or attempts[-1].exit.exists():
        return None
    worker = worker_identity(attempts[-1], facts)
    gone = not marked(attempts[-1].folder) if worker is None else worker.alive
    return None if gone else attempts[-1]


def _since(sign: Path) -> str:
    """Since when something is suspended, by the last sign of life that it gave; "" if it gave none."""
    try:
        return f" since about {_clock(sign.stat().st_mtime)}"
    except OSError:
        return ""


def _clock(moment: float) -> str:
    """The time of day, with the date unless that is today's."""
    then = datetime.fromtimestamp(moment)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"


def read_runner_info(attempt: Attempt) -> RunnerFacts:
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
    word = end_event(attempt)
    if word is not None:  # the runner was killed, the worker finished
        early = bool((read_result(run.result) or {}).get("stopped_early"))
        return _of(run, outcome_of(word["code"], word["message"], stopped_early=early))
    origin = origin_from(facts)
    away = origin is not None and not origin.is_here
    silent = time.time() - _last_sign(attempt)
    if origin is not None and away and abs(silent) < SILENCE:
        return RunState(RUNNING, origin.where, elsewhere=True)
    if (
        origin is not None and away and silent < 0
    ):  # it may well be running there: nothing is to be started in its place
        sign = f"the last sign of life from {origin.place} is {abs(silent) / 60:.0f} min in the future"
        return RunState(LOST, f"{sign}: the clocks differ, or one was set")
    if attempt.stop.exists():
        return RunState(KILLED, "stopped on request; --resume continues", requested=True)
    if origin is not None and away and not origin.may_be_an_earlier_boot:
        return RunState(LOST, f"the last sign of life from {origin.place} is {silent / 60:.0f} min old", can_pass=True)
    if facts and facts.get("boot_id") != boot_id():
        return RunState(LOST, "host rebooted", can_pass=True)
    return RunState(LOST, "its processes died without recording an exit", can_pass=True)


def _last_sign(attempt: Attempt) -> float:
    files = (attempt.heartbeat, attempt.metrics, attempt.runner)
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)


def end_event(attempt: Attempt) -> EndEvent | None:
    """What the worker itself said at its end, if it did: `code` and `message`."""
    said = list(end_lines(attempt.metrics))
    return said[-1] if said else None


def epoch_events(run: RunFolder) -> list[EpochEvent]:
    """Every epoch's event since the run last started over, once each, by round and epoch."""
    events: dict[tuple[int, int], EpochEvent] = {}
    for attempt in run.attempts():
        runner = read_runner_info(attempt)
        if runner and not runner.get("resumed", True):
            events.clear()  # it started over
        for event in epoch_lines(attempt.metrics):
            events[event["round"], event["epoch"]] = event
        if RunFolder(attempt.folder).outcome():  # set aside, for the next to start over, even without an exit
            events.clear()
    return [events[key] for key in sorted(events)]


def log_of(attempt: Attempt) -> Path | None:
    """The attempt's log, if it came to have one: where the project lies now, or where it was written."""
    facts = read_runner_info(attempt)
    return log_named(facts, attempt.folder.absolute().parents[3]) if "log" in facts else None


def log_named(facts: RunnerFacts, runs_dir: Path) -> Path:
    """The log that the facts of a runner name."""
    cwd, log = facts.get("cwd", ""), Path(facts["log"])
    here = project_of(cwd, runs_dir, early="environment" not in facts) / log
    then = Path(cwd, log) if Path(cwd).is_absolute() else here
    return next((path for path in (here, real_path(runs_dir).parent / log) if path.exists()), then)
