"""Runs a one-off worker (test, predict) on a leased device and passes its events on.

It inherits the lease of its device and the locks of what it works on, so that all are held until it is gone. Knows
nothing of torch.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from iqa_train.devices.inventory import Device, worker_environment
from iqa_train.devices.leases import Lease
from iqa_train.errors import RunError
from iqa_train.files import parse_json
from iqa_train.handed import handing
from iqa_train.locks import lock_now, open_lock
from iqa_train.runner.complaints import Complaints
from iqa_train.runner.process_limits import NO_THREADS, may_start_threads, starting
from iqa_train.runner.program import python_command
from iqa_train.runs.identity import identity_of, suspension
from iqa_train.runs.layout import RunFolder

_GRACE = 10.0  # seconds between the request to end and the kill
_PATIENCE = 1.0  # seconds: who only asks whether a lock is held, holds it for a moment
_THREADS = 8  # that a worker needs at least: its own, those of torch, those that decode
_SILENCE = 1.0  # seconds without an event, after which it is looked whether the worker is suspended
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
_OWN = {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "OMP_WAIT_POLICY": "PASSIVE"}

Event = Mapping[str, Any]


def call_worker(
    module: str,
    request: Mapping[str, Any],
    device: Device,
    lease: Lease,
    on_event: Callable[[Event], None],
    locks: Sequence[int] = (),
) -> int:
    """Run `iqa_train.training.<module>` on `device` with `request`; `on_event` is called with each of its events.

    Returns its exit code; raises RunError for one that was killed.
    Whatever `on_event` raises, and Ctrl-C, ends the worker; events sent by then are still delivered.
    """
    held = (*lease.descriptors, *locks)
    complaints = Complaints()
    with starting("the worker"):
        worker = subprocess.Popen(
            python_command(f"iqa_train.training.{module}"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=complaints.file, env=worker_environment(device) | _OWN | handing(held), start_new_session=True,
            pass_fds=held,
        )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended already; its exit code says why
            worker.stdin.write(json.dumps(request).encode())
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        _forward_events(worker, on_event, complaints)
        return _ended(worker.wait(), complaints)
    except KeyboardInterrupt:
        _terminate(worker)
        _forward_events(worker, on_event, complaints)
        raise
    finally:
        _end(worker)
        complaints.file.close()


def _ended(code: int, complaints: Complaints) -> int:
    """The exit code; the rest of the worker's standard error is passed on, unless a refused thread explains it."""
    if code and complaints.are_of_refused_threads() and not may_start_threads(_THREADS):
        raise RunError(NO_THREADS)
    complaints.pass_on(ended=True)
    if code < 0:
        why = "a library of it crashed" if -code in _CRASHES else "by a user, or for lack of memory"
        raise RunError(f"the worker was killed by signal {-code}: {why}")
    return code


def _forward_events(
    worker: "subprocess.Popen[bytes]", on_event: Callable[[Event], None], complaints: Complaints
) -> None:
    """Pass on each event, and "suspended" with a sentence when nothing comes because the worker is suspended."""
    shown = ""
    for line in _lines(worker):
        complaints.pass_on()
        if line is None:
            words = suspension(identity_of(worker.pid))
            if words and words != shown:
                on_event({"event": "suspended", "message": f"the worker is {words}"})
            shown = words
            continue
        try:
            event = parse_json(line)
        except ValueError:  # cut short by its end
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            on_event(event)


def _lines(worker: "subprocess.Popen[bytes]") -> Iterator[bytes | None]:
    """Each line of the worker's standard output; None after every `_SILENCE` seconds without one."""
    assert worker.stdout is not None
    poller = select.poll()
    poller.register(worker.stdout, select.POLLIN)
    rest = b""
    while True:
        if not poller.poll(_SILENCE * 1000):
            yield None
            continue
        chunk = os.read(worker.stdout.fileno(), 1 << 16)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _terminate(worker: "subprocess.Popen[bytes]") -> None:
    """Ask it to end; a suspended one is continued, or it would not notice."""
    worker.terminate()
    worker.send_signal(signal.SIGCONT)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    assert worker.stdout is not None
    worker.stdout.close()
    if worker.poll() is None:
        _terminate(worker)
        try:
            worker.wait(_GRACE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


@contextmanager
def held_runs(runs: Iterable[RunFolder]) -> Iterator[list[int]]:
    """Hold the locks of finished runs, so that none is started over meanwhile; gives descriptors to hand on.

    Raises RunError for one that another process holds.
    """
    descriptors: list[int] = []
    try:
        for run in runs:
            descriptors.append(open_lock(run.lock))
            if not lock_now(descriptors[-1], patience=_PATIENCE):
                raise RunError(
                    f"{run.path} is in use by another process, which tests it or starts it over; try again when that "
                    "is done"
                )
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
