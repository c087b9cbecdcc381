"""One attempt at one run: opens the log, starts the worker in a session of its own, waits, and writes how it ended.

The worker writes to the log's file itself, not through a pipe that would die with this process; and it inherits the
run's lock, so that the run counts as running until the last of the two is gone.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from iqa_train.errors import RunError, UsageError
from iqa_train.files import read_lines, write_json
from iqa_train.runs.layout import Attempt, RunFolder, log_path
from iqa_train.runs.outcome import OK, Outcome, outcome_of, stopped
from iqa_train.runs.provenance import host_state
from iqa_train.runs.specfile import write_spec
from iqa_train.runs.state import RunState, epoch_events, read_json, run_state
from iqa_train.study.spec import SCHEMA_VERSION, RunSpec

GRACE = 60.0  # seconds a stopped worker has for its checkpoint before it is killed
_POLL = 0.05
_REQUIRED = {"PYTHONUNBUFFERED": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
# Threads that wait for each other by spinning take five times as long when two runs share the cores, and others' runs
# suffer with them; sleeping costs a run that is alone next to nothing.
_POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}
_RESERVE = 1 << 16  # bytes kept for exit.json on a disk that fills up


@dataclass(frozen=True)
class Order:
    """What is to be done: a specification, where its files go, and whether to go on or start over."""

    spec: RunSpec
    run: RunFolder
    logs_dir: Path
    command: list[str]
    resume: bool = False
    again: bool = False
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Started:
    """A worker on its way, as the one who waits for it sees it."""

    process: "subprocess.Popen[bytes]"
    attempt: Attempt
    log: Path


def done_before(order: Order) -> RunState | None:
    """The state of a run that needs no worker because it is complete; None if it does.

    Raises UsageError where going on and starting over are both possible and neither was asked for.
    """
    state = run_state(order.run)
    if state.finished and not order.again:
        return state
    if order.again or order.resume or state.alive or not order.run.outcome():
        return None
    epochs = len(epoch_events(order.run))
    raise UsageError(
        f"{order.spec.experiment} was started before and is {state.name} after {epochs} of "
        f"{order.spec.settings.epochs * order.spec.settings.train_test_num} epochs ({state.reason.partition(';')[0]}); "
        "--resume continues it, --again starts it over"
    )


def run_attempt(order: Order, watch: Callable[[Started], None]) -> Outcome:
    """Make an attempt and wait for its end; `watch` is called while waiting, often.

    TERM and INT to this process stop the run: the worker writes a checkpoint; what is left after a grace is killed. A
    terminal that closes (HUP) stops nothing.
    Raises RunError if the run is running already.
    """
    order.run.path.mkdir(parents=True, exist_ok=True)
    with _run_lock(order) as lock, _stop_signals() as stopping:
        began = time.monotonic()
        started = _start(order, lock)
        shown = _Shown(watch)
        outcome = _wait(order.run, started, shown, stopping)
        ended = {"ended": _now(), "seconds": round(time.monotonic() - began, 3)}
        started.attempt.reserve.unlink(missing_ok=True)
        write_json(started.attempt.exit, {"schema_version": SCHEMA_VERSION, **asdict(outcome), **ended})
        shown(started)
    return outcome


class _Shown:
    """Shows the run while somebody looks. A broken pipe or a full disk behind stdout ends the show, not the run."""

    def __init__(self, watch: Callable[[Started], None]) -> None:
        self._watch: Callable[[Started], None] | None = watch

    def __call__(self, started: Started) -> None:
        try:
            if self._watch is not None:
                self._watch(started)
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._watch = None


def _start(order: Order, lock: int) -> Started:
    run = order.run
    order.logs_dir.mkdir(parents=True, exist_ok=True)
    log = log_path(order.logs_dir, order.spec, datetime.now())
    attempt = run.next_attempt()
    command = [sys.executable, "-m", "iqa_train.training.worker", str(run.path), str(attempt.folder)]
    if order.resume:
        command.append("--resume")
    environment = _POLITE | dict(order.environment or os.environ) | _REQUIRED
    with log.open("xb") as file:  # before anything of the run is touched: what cannot be logged does not start
        if order.again:
            _set_aside(run)
        write_spec(run, order.spec)
        attempt.folder.mkdir()
        attempt.reserve.write_bytes(bytes(_RESERVE))
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True,
            pass_fds=(lock,),
        )  # fmt: skip
    me = psutil.Process()
    runner = {"pid": me.pid, "created": me.create_time()}
    worker = {"pid": process.pid, "created": _created(process.pid)}
    where = {key: host_state()[key] for key in ("host", "boot_id")} | {"cwd": str(Path.cwd())}
    about = {"command": order.command, "log": str(log), "started": _now(), "resumed": order.resume}
    devices = {"cuda_visible_devices": environment.get("CUDA_VISIBLE_DEVICES")}
    facts = {"schema_version": SCHEMA_VERSION, **about, **where, **devices, "runner": runner, "worker": worker}
    write_json(attempt.runner, facts)
    return Started(process, attempt, log)


def _wait(run: RunFolder, started: Started, watch: Callable[[Started], None], stopping: "_Stopping") -> Outcome:
    killed_at: float | None = None
    killed = False
    while started.process.poll() is None:
        if stopping.requested and killed_at is None:
            killed_at = time.monotonic() + GRACE
            started.process.send_signal(signal.SIGTERM)
        if killed_at is not None and (time.monotonic() > killed_at or stopping.requested > 2):
            killed = True
            _kill_tree(started.process.pid)
        watch(started)
        time.sleep(_POLL)
    _kill_session(started.process.pid)
    said = [event.get("message") for event in read_lines(started.attempt.metrics) if event.get("event") == "end"]
    early = bool((read_json(run.result) or {}).get("stopped_early"))
    outcome = outcome_of(started.process.returncode, said[-1] if said else None, stopped_early=early)
    if not stopping.requested:
        return outcome
    if outcome.exit_code == OK:  # done before it could stop
        return replace(outcome, requested=True)
    if killed:
        return stopped(outcome, f"stopped on request, killed after {GRACE:.0f} s or a third request")
    return outcome if outcome.exit_code is not None else stopped(outcome, "stopped on request before it had begun")


def _set_aside(run: RunFolder) -> None:
    """Move what the last attempt left into its own folder: nothing is ever overwritten."""
    attempts = run.attempts()
    for path in run.outcome() if attempts else []:
        path.rename(attempts[-1].folder / path.name)


@contextmanager
def _run_lock(order: Order) -> Iterator[int]:
    """The run's lock as a descriptor to hand on. Raises RunError if a living process holds it."""
    descriptor = os.open(order.run.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        for _ in range(20):  # somebody who asks for the state holds it for a moment
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        else:
            attempts = order.run.attempts()
            where = f" (see {attempts[-1].runner})" if attempts else ""
            raise RunError(
                f"{order.spec.experiment} with these settings is running already{where}; wait for it or stop it"
            )
        yield descriptor
    finally:
        os.close(descriptor)


class _Stopping:
    """Counts requests to stop."""

    requested = 0


@contextmanager
def _stop_signals() -> Iterator[_Stopping]:
    stopping = _Stopping()

    def ask(_number: int, _frame: object) -> None:
        stopping.requested += 1

    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]  # asked later, they deny it

    def outlive(_number: int, _frame: object) -> None:
        """The terminal has gone: the run goes on, with nobody to tell."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in terminals:
            os.dup2(nowhere, terminal)

    handlers = {signal.SIGINT: ask, signal.SIGTERM: ask, signal.SIGHUP: outlive}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill_tree(pid: int) -> None:
    try:
        victims = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue


def _kill_session(pid: int) -> None:
    """Leave no helper of an ended worker behind: its session had its pid."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
