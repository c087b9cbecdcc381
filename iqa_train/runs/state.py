"""The state of a run, derived from a snapshot of it; nothing stores a state.

The last attempt's exit.json says how it ended. Without one, a held lock says that it is running: the runner and its
worker share the lock, and the kernel releases it when the last of them has ended. Otherwise it is lost, unless the
worker's own last event says that it was done.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import ExitFacts
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import Metrics
from iqa_train.runs.outcome import WITH_RESULT, Outcome, outcome_from, outcome_of
from iqa_train.runs.snapshot import AttemptSnapshot, Liveness, RunSnapshot, read_snapshot
from iqa_train.runs.state_names import (
    ALIVE,
    FAILED,
    FINISHED,
    LOST,
    NOT_STARTED,
    QUEUED,
    RUNNING,
    STARTING,
    STOPPED,
    SUSPENDED,
)

HEARTBEAT = 10.0  # seconds between two signs of life
_CONTINUES = "; --resume continues"
SILENCE = 90.0  # without one, a run on another host or in another container counts as lost


@dataclass(frozen=True)
class RunState:
    """A state's name and the reason, in words for a person."""

    name: str
    reason: str = ""
    can_pass: bool = False  # another attempt may well succeed
    requested: bool = False  # the end was asked for
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

    @property
    def words(self) -> str:
        """The name and the reason, without the name where the reason says it."""
        if self.reason.startswith(self.name):
            return self.reason
        return f"{self.name}: {self.reason}" if self.reason else self.name


@dataclass(frozen=True)
class Waits:
    """Of a run in the queue: the name of its state, and whether it is to start over.

    If it is, the epochs of attempts without a result are none.
    """

    state: str
    starts_over: bool = False


def run_state(run: RunFolder) -> RunState:
    """The state of `run` now."""
    return state_of(read_snapshot(run))


def state_of(found: RunSnapshot) -> RunState:
    """The state. Files that are damaged or cannot be read make a state of their own, not an error."""
    state = _state_of(found)
    if state.reason.endswith(_CONTINUES) and found.last is not None and "slurm" in found.last.facts:
        # --resume would train on this machine, perhaps the login node
        words = f"{state.reason.removesuffix(_CONTINUES)}; iqa-train relaunch {found.run.experiment} continues"
        return replace(state, reason=words)
    return state


def _state_of(found: RunSnapshot) -> RunState:
    if isinstance(found.attempts, Damage):
        return _damaged(found.attempts)
    if isinstance(found.locked, Damage):
        return _damaged(found.locked)
    if not found.attempts:
        return RunState(STARTING) if found.locked else RunState(QUEUED, "not started")
    attempt = found.attempts[-1]
    if isinstance(found.exit, Damage):
        return _damaged(found.exit)
    if found.exit is not None:
        return _ended(found, attempt.files, found.exit)
    if isinstance(attempt.runner, Damage) and attempt.runner.unreadable:
        return _damaged(attempt.runner)
    if isinstance(found.live, Damage):
        return _damaged(found.live)
    live = found.live or Liveness()
    if found.job is not None and (state := _by_slurm(found, attempt, live)) is not None:
        return state
    if found.locked:
        return _alive(RUNNING if live.begun else STARTING, live, found.time)
    return _without_lock(found, attempt, live)


def outside_the_queue(state: RunState) -> RunState:
    """`state` of a run that is not in the queue."""
    return RunState(NOT_STARTED) if state.name == QUEUED else state


def _damaged(document: Damage) -> RunState:
    if document.unreadable:
        return RunState(LOST, document.words)
    return RunState(FAILED, f"{document.words}; repair or remove it, or start over with --again")


def _alive(name: str, live: Liveness, now: float) -> RunState:
    """Of an attempt whose lock is held: which of its processes are left, and whether they are suspended."""
    if live.origin is not None and not live.origin.here:
        silent = now + live.ahead - live.last_sign > SILENCE
        sign = f", without a sign of life since {_clock(live.last_sign)}" if silent else ""
        return RunState(name, f"{live.origin.where}{sign}", elsewhere=True)
    runner, worker = live.runner, live.worker
    if runner is None:
        return RunState(name)
    if worker is not None and (words := worker.suspension(_since(live.worker_sign))):
        return RunState(SUSPENDED, words, suspended=True)
    if runner.alive:
        words = runner.suspension(_since(live.heartbeat))
        if words and worker is not None and worker.alive:
            return RunState(name, f"the worker continues, but its runner is {words}")
        return RunState(SUSPENDED if words else name, words, suspended=bool(words))
    if _is_orphaned(live):
        return RunState(
            name,
            "runner and worker have ended, but a process that they started is still running: iqa-train stop ends it",
        )
    return RunState(name, "its runner has ended; the worker continues")


def _is_orphaned(live: Liveness) -> bool:
    """Whether runner and worker are gone, and something that they started is left."""
    if live.runner is None or live.runner.alive:
        return False
    return live.others if live.worker is None else not live.worker.alive


def orphaned_attempt(found: RunSnapshot) -> Attempt | None:
    """The last attempt if only something that its runner and worker started is left of it; else None."""
    if found.last is None or not isinstance(found.live, Liveness) or found.locked is not True:
        return None
    return found.last.files if _is_orphaned(found.live) else None


def _since(moment: float | None) -> str:
    """Since when a process is suspended, by its last sign of life; "" if it gave none."""
    return "" if moment is None else f" since about {_clock(moment)}"


def _clock(moment: float) -> str:
    """The time of day, with the date unless that is today's."""
    then = datetime.fromtimestamp(moment)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"


def _ended(found: RunSnapshot, attempt: Attempt, ended: ExitFacts) -> RunState:
    try:
        outcome = outcome_from(ended)
    except ValueError as error:
        return RunState(FAILED, f"{attempt.exit} is damaged ({error}); --again starts the run over")
    return _of(found, outcome)


def _of(found: RunSnapshot, outcome: Outcome) -> RunState:
    if outcome.exit_code in WITH_RESULT:
        if isinstance(found.result, Damage):
            return _damaged(found.result)
        if found.result is None:
            return RunState(LOST, "it completed, but its result.json is missing")
    return RunState(outcome.name, outcome.reason, outcome.can_pass, outcome.requested)


def _by_slurm(found: RunSnapshot, attempt: AttemptSnapshot, live: Liveness) -> RunState | None:
    """Of an attempt whose job Slurm has given up, whatever processes of it are left; None where the rest decides."""
    job = found.job
    if job is None or job.kind == "unknown":
        return None
    away = live.origin is not None and not live.origin.here
    if job.kind == "running":
        if not away:
            return None
        words = f"on {job.node or 'its node'}"
        if found.time - live.last_sign > SILENCE:
            words += f", without a sign of life since {_clock(live.last_sign)}"
        return RunState(RUNNING if live.begun else STARTING, words, elsewhere=True)
    metrics = attempt.metrics
    if isinstance(metrics, Metrics) and metrics.end is not None and job.kind == "gone":
        return _without_lock(found, attempt, live)
    if job.cancelled:
        return RunState(STOPPED, f"job {job.job} was cancelled; --resume continues", requested=True)
    if live.stop_requested and job.kind == "gone":
        return RunState(STOPPED, "stopped on request; --resume continues", requested=True)
    if job.kind == "waiting":
        return RunState(LOST, f"Slurm has requeued job {job.job}", can_pass=True)
    how = f" ({job.state})" if job.state else ""
    return RunState(LOST, f"job {job.job} has ended{how} without recording how", can_pass=True)


def _without_lock(found: RunSnapshot, attempt: AttemptSnapshot, live: Liveness) -> RunState:
    """Of an attempt that no process of this host works on, and that has no exit."""
    if isinstance(attempt.metrics, Damage):
        return _damaged(attempt.metrics)
    end = (attempt.metrics or Metrics()).end
    if end is not None:  # the runner was killed, the worker finished
        if isinstance(found.result, Damage):
            return _damaged(found.result)
        early = bool((found.result or {}).get("stopped_early"))
        return _of(found, outcome_of(end["code"], end["message"], stopped_early=early))
    origin = live.origin
    away = origin is not None and not origin.here
    silent = found.time + live.ahead - live.last_sign
    if any(process is not None and process.alive for process in (live.runner, live.worker)):  # where locks do nothing
        return _alive(RUNNING if live.begun else STARTING, live, found.time)
    if live.hidden:
        return RunState(STARTING, "its files do not show here yet", elsewhere=True)
    if origin is not None and away and abs(silent) < SILENCE:
        return RunState(RUNNING, origin.where, elsewhere=True)
    if origin is not None and away and silent < 0:  # it may well be running there: nothing may be started in its place
        sign = f"the last sign of life from {origin.place} is {abs(silent) / 60:.0f} min in the future"
        return RunState(LOST, f"{sign}: the clocks differ, or one was set")
    if live.stop_requested:
        return RunState(STOPPED, "stopped on request; --resume continues", requested=True)
    if origin is not None and away and not origin.earlier_boot:
        return RunState(LOST, f"the last sign of life from {origin.place} is {silent / 60:.0f} min old", can_pass=True)
    if live.rebooted:
        return RunState(LOST, "host rebooted", can_pass=True)
    return RunState(LOST, "its processes died without recording an exit", can_pass=True)
