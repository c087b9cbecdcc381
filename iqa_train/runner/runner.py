"""One attempt at one run: opens the log, starts the worker in a session of its own, waits, and writes how it ended.

The worker writes to the log's file itself, not through a pipe that would die with this process; and it inherits the
locks of the run and of its device, so that both are held until the last of the two is gone. Knows nothing of torch.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from iqa_train.devices.inventory import Device, worker_environment
from iqa_train.devices.leases import Lease
from iqa_train.errors import RunError, UsageError
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.handed import handing
from iqa_train.redaction import public_command
from iqa_train.regular import sweep
from iqa_train.runner.device_samples import sampling
from iqa_train.runner.environment import surroundings
from iqa_train.runner.folder_watch import FolderWatch, gone_words
from iqa_train.runner.interruption import GRACE, Interrupter, Interruption
from iqa_train.runner.process_limits import RefusedError, starting
from iqa_train.runner.process_tree import adopt_orphans, kill_all, reap_orphans
from iqa_train.runner.program import nice_words, python_command
from iqa_train.runner.run_lock import AlreadyRunningError, RunLock, made_by_another, run_lock
from iqa_train.runner.stop_requests import StopRequests, stop_signals
from iqa_train.runs.attempt_facts import end_event
from iqa_train.runs.code_copy import copy_code
from iqa_train.runs.documents import read_result, read_spec_facts
from iqa_train.runs.fence import drop_unfinished, fence_off, later_attempt
from iqa_train.runs.identity import identity_of, origin_facts, require_own_proc, this_process
from iqa_train.runs.layout import Attempt, RunFolder, log_path
from iqa_train.runs.marks import MARK, mark_for
from iqa_train.runs.metrics import epoch_events, epochs_in
from iqa_train.runs.outcome import WITH_RESULT, Outcome, interrupted, outcome_of, stopped, superseded
from iqa_train.runs.process_end import ending_within
from iqa_train.runs.project import inside, recorded
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.state import HEARTBEAT, RunState, run_state

WORKER = "IQA_TRAIN_WORKER"  # another program that keeps the worker's contract, for tests of everything around it
_REQUIRED = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
# Threads that wait for each other by spinning take five times as long when two runs share the cores, and others' runs
# suffer with them; sleeping costs a run that is alone next to nothing.
_POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}
_LOOK = 1.0  # seconds between two looks at the run's folder
_RESERVE = 1 << 16  # bytes kept for exit.json on a disk that fills up


@dataclass(frozen=True)
class AttemptRequest:
    """An attempt to make: the run, its device, the folder of its log, and whether to continue or to start over.

    `spec` is the content of its spec.json, None if that is written. `attempt` is the number that the attempt must
    have: one that another runner has made meanwhile is not made again. None: the next. `supersedes` is the number of
    the attempt that this one may replace although it may be alive: its host was given up, or its job has ended.
    """

    run: RunFolder
    device: Device
    lease: Lease
    logs_dir: Path
    command: list[str]
    spec: Mapping[str, Any] | None = None
    attempt: int | None = None
    supersedes: int | None = None
    resume: bool = False
    again: bool = False
    queued_code: str = ""  # fingerprint of the program that queued it
    still_wanted: Callable[[], bool] = lambda: True  # asked once the run is ours: it may have been withdrawn meanwhile
    interrupters: tuple[Interrupter, ...] = ()
    why_signalled: Callable[[], Interruption | None] = lambda: None  # None: TERM and INT are requests to stop
    facts: Mapping[str, Any] = field(default_factory=dict)  # more for runner.json
    nice: int = 0  # the niceness of the worker and all it starts


@dataclass(frozen=True)
class RunningAttempt:
    """A started worker, for the caller that waits for it."""

    process: "subprocess.Popen[bytes]"
    attempt: Attempt
    log: Path


def done_before(run: RunFolder, spec: Mapping[str, Any], *, resume: bool, again: bool) -> RunState | None:
    """The state of a run that is complete and needs no worker; None for one that does.

    Raises UsageError where continuing and starting over are both possible and neither was asked for.
    """
    state = run_state(run)
    if state.finished and not again:
        return state
    if again or resume or state.alive or not run.outcome():
        return None
    settings = spec["settings"]
    raise UsageError(
        f"{spec['experiment']} was started before and is {state.name} after {len(epoch_events(run))} of "
        f"{settings['epochs'] * settings['train_test_num']} epochs ({state.reason.partition(';')[0]}); "
        "--resume continues it, --again starts it over"
    )


def run_attempt(
    request: AttemptRequest, watch: Callable[[RunningAttempt], None] = lambda _: None, poll: float = 0.2
) -> Outcome:
    """Make an attempt and wait for its end; `watch` is called while waiting, every `poll` seconds.

    TERM and INT to this process stop the run: the worker writes a checkpoint; after a grace, it is killed with all that
    it started. A terminal that closes (HUP) stops nothing.
    Raises AlreadyRunningError if the run is alive already, RunError where its folder vanishes meanwhile.
    """
    require_own_proc()
    if request.spec is not None:  # a queued run has its folder; without it, it must not run
        request.run.path.mkdir(parents=True, exist_ok=True)
    elif not request.run.path.is_dir():
        raise RunError(f"{gone_words(request.run.path)}; queue the run again")
    adopt_orphans()
    taken = run_lock(request.run, request.attempt, request.still_wanted, request.supersedes)
    with taken as lock, stop_signals() as stopping:
        began = time.monotonic()
        started = _start(request, lock)
        shown = _Shown(watch)
        watch_folder = FolderWatch(request.run.lock, lock.descriptor)
        outcome = _Wait(request, started, shown, stopping, watch_folder).outcome(poll)
        if later_attempt(request.run, started.attempt) is None and watch_folder.gone():
            words = f"{gone_words(request.run.path)} while the run worked in it, so the run was stopped"
            _append(started.log, f"{words}\n")
            raise RunError(f"{words}; what it had saved is where the folder is now")
        ended = {"ended": _now(), "seconds": round(time.monotonic() - began, 3)}
        for temporary in (started.attempt.reserve, started.attempt.heartbeat):
            temporary.unlink(missing_ok=True)
        drop_unfinished(started.attempt)
        write_json(started.attempt.exit, {"schema_version": SCHEMA_VERSION, **asdict(outcome), **ended})
        shown(started)
    return outcome


class _Shown:
    """Calls `watch` until its output fails: a broken pipe or a full disk behind stdout does not end the run."""

    def __init__(self, watch: Callable[[RunningAttempt], None]) -> None:
        self._watch: Callable[[RunningAttempt], None] | None = watch

    def __call__(self, started: RunningAttempt) -> None:
        try:
            if self._watch is not None:
                self._watch(started)
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._watch = None


def _new_log(logs_dir: Path, spec: Mapping[str, Any]) -> tuple[Path, BinaryIO]:
    """A log of this attempt's own, also when others start in the same second."""
    started = datetime.now()
    while True:
        log = log_path(logs_dir, spec["slug"], spec["study"], started)
        try:
            return log, log.open("xb")
        except FileExistsError:  # another runner has taken the name since it was found free
            continue


def _start(request: AttemptRequest, lock: RunLock) -> RunningAttempt:
    run = request.run
    spec = request.spec if request.spec is not None else _spec_of(run)
    if request.spec is not None:
        request.logs_dir.mkdir(parents=True, exist_ok=True)
    elif request.logs_dir.absolute().parent.is_dir():  # a folder of logs that was cleared away, but not a whole project
        request.logs_dir.mkdir(exist_ok=True)
    log, file = _new_log(request.logs_dir, spec)  # first, since an attempt without a log must not start
    earlier, attempt = run.attempts(), run.next_attempt()
    resume = request.resume and _can_continue(spec)
    command = [*nice_words(request.nice), *_worker_program(spec), str(run.path), str(attempt.folder)]
    if resume:
        command.append("--resume")
    moved: list[tuple[Path, Path]] = []
    with file:
        try:
            attempt.folder.mkdir()  # from here on it is ours alone, whatever a lock on a shared file system is worth
        except OSError as error:
            log.unlink()
            if isinstance(error, FileExistsError):
                raise AlreadyRunningError(made_by_another(run, attempt.number)) from None
            raise _no_start(spec, attempt, error) from None
        try:
            lock.replace()
            took_over = _take_over(earlier, attempt)
            held = (lock.descriptor, *request.lease.descriptors)
            environment = _POLITE | worker_environment(request.device) | _REQUIRED | {MARK: mark_for(attempt.folder)}
            environment |= handing(held)
            for folder in (run.path, *(tried.folder for tried in earlier)):
                sweep(folder)
            if earlier and (request.again or request.resume > resume):
                moved = _set_aside(run, earlier[-1])
            if request.spec is not None:
                copy_code(run, request.spec)
                write_json(run.spec, request.spec)
            attempt.reserve.write_bytes(bytes(_RESERVE))
            request = replace(request, resume=resume, facts={**took_over, **request.facts})
            _write_runner_info(request, attempt, log, environment)  # before the worker, which then is never unrecorded
            with starting(f"the worker of {spec['experiment']}"):
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment,
                    start_new_session=True, pass_fds=held,
                )  # fmt: skip
        except (OSError, RefusedError, RunError) as error:
            shutil.rmtree(attempt.folder, ignore_errors=True)
            log.unlink()
            for before, aside in moved:
                aside.rename(before)
            if not isinstance(error, OSError):
                raise
            raise _no_start(spec, attempt, error) from None
    _write_runner_info(request, attempt, log, environment, process.pid)
    return RunningAttempt(process, attempt, log)


def _take_over(earlier: Sequence[Attempt], attempt: Attempt) -> dict[str, Any]:
    """Fence off the attempts that have not ended, as far as is known.

    Returns `took_over` for runner.json, if there are any: how many epochs each has finished by then.
    """
    unended = [tried for tried in earlier if not tried.exit.exists()]
    for tried in unended:
        fence_off(tried, attempt.number)
    finished = {}
    for tried in unended:
        with contextlib.suppress(DamagedFileError, OSError):  # named by whoever needs the file
            finished[str(tried.number)] = len(epochs_in(tried.metrics))
    return {"took_over": finished} if finished else {}


def _no_start(spec: Mapping[str, Any], attempt: Attempt, error: OSError) -> RunError:
    return RunError(f"{spec['experiment']} cannot be started: {error.filename or attempt.folder}: {error.strerror}")


def _write_runner_info(
    request: AttemptRequest, attempt: Attempt, log: Path, environment: Mapping[str, str], worker_pid: int | None = None
) -> None:
    """Write runner.json: who runs the attempt, on what, into which log."""
    runner, worker = this_process(), None if worker_pid is None else identity_of(worker_pid)
    project = Path.cwd()
    facts = {
        "schema_version": SCHEMA_VERSION,
        "command": public_command(request.command),
        "log": inside(log, project),
        "cwd": recorded(project, request.run.path.absolute().parents[2]),
        "environment": surroundings(project),
        "started": _now(),
        "code": code_fingerprint(),
        "queued_code": request.queued_code,
        "resumed": request.resume,
        **origin_facts(),
        "device": asdict(request.device) | {"label": request.device.label},
        "cuda_visible_devices": environment.get("CUDA_VISIBLE_DEVICES"),
        "runner": {"pid": runner.pid, "created": runner.created},
        "worker": None if worker is None else {"pid": worker.pid, "created": worker.created},
        **request.facts,
    }
    try:
        write_json(attempt.runner, facts)
    except OSError:  # the disk has just become full
        attempt.reserve.unlink(missing_ok=True)
        write_json(attempt.runner, facts)


def _worker_program(spec: Mapping[str, Any]) -> list[str]:
    if other := os.environ.get(WORKER):
        return [sys.executable, other]
    return python_command("iqa_train.command_runs.worker" if spec.get("command") else "iqa_train.training.worker")


def _can_continue(spec: Mapping[str, Any]) -> bool:
    """Whether an attempt continues the last one: a command that has no way to do so starts over."""
    return not spec.get("command") or bool(spec["command"].get("resume"))


def _spec_of(run: RunFolder) -> Mapping[str, Any]:
    spec = read_spec_facts(run.spec)
    if spec is None or not {"slug", "study", "experiment"} <= spec.keys():
        raise RunError(f"{run.spec} is missing or damaged; queue it again with --again")
    return spec


def _append(log: Path, words: str) -> None:
    """A line in a log that is still there; it is not made again."""
    with contextlib.suppress(OSError):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        with os.fdopen(descriptor, "w") as file:
            file.write(words)


class _Wait:
    """Waits for a worker, and ends it on request, on an interruption, or when its run's folder is gone."""

    def __init__(
        self,
        request: AttemptRequest,
        started: RunningAttempt,
        watch: Callable[[RunningAttempt], None],
        signals: StopRequests,
        folder: FolderWatch,
    ) -> None:
        self._request = request
        self._started = started
        self._watch = watch
        self._signals = signals
        self._folder = folder
        self._asked = False  # by a signal or a file, or the folder is gone
        self._later: int | None = None  # the attempt that has taken this one's place
        self._interruption: Interruption | None = None
        self._kill_at: float | None = None
        self._killed = False

    def outcome(self, poll: float) -> Outcome:
        """How the worker ended; nothing that it started is left then."""
        process, attempt = self._started.process, self._started.attempt
        next_beat = next_look = 0.0
        sampled = sampling(attempt, self._request.device, process.pid, _node(self._request.facts))
        with sampled, ending_within(process.pid) as ended_within:
            while process.poll() is None:
                now = time.monotonic()
                if now >= next_beat:
                    next_beat = now + HEARTBEAT
                    _beat(attempt, self._request.lease)
                if now >= next_look:
                    next_look = now + _LOOK
                    self._look()
                self._hear()
                self._end_worker(now)
                self._watch(self._started)
                reap_orphans(keep=process.pid)
                ended_within(poll)
        kill_all(attempt.folder, own_children=True)  # no helper of an ended worker stays behind
        reap_orphans()
        self._hear()
        word = end_event(attempt)
        early = bool((read_result(self._request.run.result) or {}).get("stopped_early"))
        return self._classified(outcome_of(process.returncode, word["message"] if word else None, stopped_early=early))

    def _look(self) -> None:
        """Look for a later attempt, for a request on disk, whose sender may have been killed before its signal, and for
        interruptions."""
        if self._later is None:
            self._later = later_attempt(self._request.run, self._started.attempt)
        if self._later is not None:  # it has put a lock of its own in the place of ours
            return
        if self._folder.gone() or self._started.attempt.stop.exists():
            self._asked = True
        elif not self._asked and self._interruption is None:
            asked = (interrupter(self._started) for interrupter in self._request.interrupters)
            self._interruption = next((one for one in asked if one is not None), None)

    def _hear(self) -> None:
        """Take a signal for what it is; the first reason to end the worker counts."""
        if self._signals.requested and not self._asked and self._interruption is None:
            self._interruption = self._request.why_signalled()
            self._asked = self._interruption is None

    def _end_worker(self, now: float) -> None:
        if self._later is not None:  # nothing that it could still write is of use
            kill_all(self._started.attempt.folder, own_children=True)
            return
        if not self._asked and self._interruption is None:
            return
        if self._kill_at is None:
            self._kill_at = now + (self._interruption.grace if self._interruption and not self._asked else GRACE)
            for number in (signal.SIGTERM, signal.SIGCONT):  # a suspended worker would not react
                self._started.process.send_signal(number)
        elif now > self._kill_at or self._signals.requested > 2:
            self._killed = True
            kill_all(self._started.attempt.folder, own_children=True)

    def _classified(self, outcome: Outcome) -> Outcome:
        """The outcome of the process as one that was superseded, asked for, or interrupted."""
        if self._later is not None and outcome.exit_code not in WITH_RESULT:
            return superseded(self._later)
        if not self._asked and self._interruption is None:
            return outcome
        if outcome.exit_code in WITH_RESULT:  # done before it could stop
            return replace(outcome, requested=self._asked)
        if not self._asked and self._interruption is not None:
            words = self._interruption.words
            return interrupted(outcome, words) if self._interruption.continues else stopped(outcome, words)
        if self._killed:
            return stopped(outcome, f"stopped on request, killed after {GRACE:.0f} s or a third request")
        if outcome.exit_code is None:
            return stopped(outcome, "stopped on request before it had begun")
        return replace(outcome, requested=True)


def _beat(attempt: Attempt, lease: Lease) -> None:
    """Give a sign of life. The worker reports a full or vanished disk."""
    try:
        attempt.heartbeat.touch()
        lease.refresh()
    except OSError:
        return


def _node(facts: Mapping[str, Any]) -> str:
    """This machine, as Slurm names it where the attempt is part of a job."""
    return (facts.get("slurm") or {}).get("node") or os.uname().nodename


def _set_aside(run: RunFolder, last: Attempt) -> list[tuple[Path, Path]]:
    """Move what the last attempt left into its own folder: nothing is ever overwritten. Returns from where to where."""
    moves = [(path, last.folder / path.name) for path in run.outcome()]
    for path, aside in moves:
        path.rename(aside)
    return moves


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
