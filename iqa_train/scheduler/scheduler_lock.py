"""The lock of a runs folder's scheduler: there is never more than one, and `ensure_scheduler` starts it."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.locks import intruder, is_held, lock_now, locks_lie, open_lock
from iqa_train.regular import open_regular
from iqa_train.runner.folder_watch import FolderWatch
from iqa_train.runner.process_limits import starting
from iqa_train.runner.program import python_command
from iqa_train.runs.documents import SchedulerFacts, read_scheduler
from iqa_train.runs.identity import ProcessIdentity, identity_from, origin_facts, suspension, this_process
from iqa_train.runs.layout import QueueFiles
from iqa_train.runs.server_clock import server_ahead
from iqa_train.runs.state import HEARTBEAT, SILENCE
from iqa_train.scheduler.queue import require_runs_folder
from iqa_train.ticket import Ticket

_UP_WITHIN = 10.0  # seconds
_SIGNED_WITHIN = 1.0
_TURN_WITHIN = 5.0


def ensure_scheduler(runs_dir: Path) -> bool:
    """Start a scheduler for `runs_dir` unless one is running; returns whether one was started.

    Call it after a change of the queue: a scheduler that is about to end looks at the queue once more under its lock.
    Raises RunError if it does not start, or if the running one is suspended.
    """
    files = QueueFiles(runs_dir)
    if is_held(files.scheduler_lock) or _is_alive_here(runs_dir):
        _require_awake(runs_dir)
        return False
    require_runs_folder(runs_dir)
    import subprocess  # not for those who only ask whether there is a scheduler

    log = os.fdopen(open_regular(files.scheduler_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")
    with log, starting("the scheduler"):
        process = subprocess.Popen(
            python_command("iqa_train.scheduler.scheduler", str(runs_dir)),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _UP_WITHIN
    while time.monotonic() < deadline:
        is_up = is_held(files.scheduler_lock) or _is_alive_here(runs_dir)
        if is_up or process.poll() == 0:  # 0: it is done already, or another was first
            _await_signature(runs_dir)
            return True
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RunError(f"the scheduler did not start; {files.scheduler_log} says why{_last_line(files.scheduler_log)}")


def _is_alive_here(runs_dir: Path) -> bool:
    """Whether the process that scheduler.json names is alive: where locks do nothing, only that shows it."""
    found = scheduler_process(runs_dir)
    return found is not None and found.alive


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-2000:].decode(errors="replace").splitlines()
        return f": {lines[-1]}" if lines else ""
    return ""


def _require_awake(runs_dir: Path) -> None:
    """Raise RunError for a suspended scheduler; what was queued is safe in its file."""
    words = suspension(scheduler_process(runs_dir))
    if words:
        raise RunError(f"the scheduler is {words}; queued runs do not start until then")


def scheduler_process(runs_dir: Path) -> ProcessIdentity | None:
    """The running scheduler of `runs_dir`, on this host or, by its sign of life, on another; None for none.

    Its `pid` is None where only its lock is known.
    """
    files = QueueFiles(runs_dir)
    facts = _facts(files)
    known = identity_from(facts, "scheduler") if facts else None
    elsewhere = known is not None and not known.is_here
    if is_held(files.scheduler_lock):  # the file may be unreadable, not yet written, or that of one that was killed
        return known if known is not None and (known.alive or elsewhere) else ProcessIdentity("", "", None, None)
    if known is not None and known.alive and locks_lie(files.scheduler_lock):
        return known
    if not elsewhere:
        return None
    silent = time.time() + server_ahead(runs_dir) - files.scheduler.stat().st_mtime
    return known if abs(silent) < SILENCE else None


def _await_signature(runs_dir: Path) -> None:
    """Wait a moment for a scheduler that has just come up to write down who it is."""
    deadline = time.monotonic() + _SIGNED_WITHIN
    while time.monotonic() < deadline:
        found = scheduler_process(runs_dir)
        if found is None or found.pid is not None:
            return
        time.sleep(0.02)


def start_failures(runs_dir: Path) -> dict[str, str]:
    """Why runners could not begin, by the key of their item, from scheduler.json."""
    return (_facts(QueueFiles(runs_dir)) or {}).get("troubles", {})


def _facts(files: QueueFiles) -> SchedulerFacts | None:
    """scheduler.json; None where it is missing or damaged: the lock still shows that a scheduler is running."""
    try:
        return read_scheduler(files.scheduler)
    except RunError:
        return None


def _overwrite(path: Path, data: bytes) -> None:
    """Write into the file that is there. A reader that sees half of it for a moment takes it for missing."""
    descriptor = open_regular(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


class SchedulerLock:
    """The scheduler's lock on a runs folder, and scheduler.json, which says who holds it."""

    def __init__(self, runs_dir: Path) -> None:
        self._files = QueueFiles(runs_dir)
        self._descriptor: int | None = None
        self._next_beat = -float("inf")

    def take(self) -> bool:
        """Whether it was free. Raises RunError where a scheduler on another host holds it."""
        ticket = Ticket(
            self._files.scheduler_lock, tidy=True
        )  # of two that start at once on two hosts, one looks first
        deadline = time.monotonic() + _TURN_WITHIN
        while not ticket.take() and time.monotonic() < deadline:
            time.sleep(0.02)
        with ticket.kept():
            return self._take()

    def _take(self) -> bool:
        other = scheduler_process(self._files.runs_dir)
        if other is not None and other.alive and other != this_process() and locks_lie(self._files.scheduler_lock):
            return False
        if other is not None and other.host and not other.is_here:
            raise RunError(
                f"a scheduler {other.where} works on {self._files.runs_dir}; end that one first, or if it has been "
                f"killed, try again {SILENCE:.0f} s after that"
            )
        descriptor = open_lock(self._files.scheduler_lock)
        if not lock_now(descriptor, patience=1.0):
            os.close(descriptor)
            if (stranger := intruder(self._files.scheduler_lock)) is not None:
                raise RunError(
                    f"{self._files.scheduler_lock} is held by {stranger}, who may only read it, so that no scheduler "
                    "can work; end that process"
                )
            return False
        self._descriptor = descriptor
        self.sign({})
        return True

    def sign(self, complaints: Mapping[str, str]) -> None:
        """Write scheduler.json: who holds the lock, and which runs could not begin, and why."""
        mine = this_process()
        facts = {"schema_version": SCHEMA_VERSION, **origin_facts()}
        about = {"scheduler": {"pid": mine.pid, "created": mine.created}, "troubles": dict(complaints)}
        try:
            write_json(self._files.scheduler, facts | about)
        except OSError:  # a full disk has no room for a new file beside the old one, but for the words in its place
            _overwrite(self._files.scheduler, json.dumps(facts | about).encode())

    def beat(self) -> None:
        """Give a sign of life for other hosts, every HEARTBEAT seconds."""
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + HEARTBEAT
            with contextlib.suppress(OSError):
                os.utime(self._files.scheduler)

    def gone(self) -> bool:
        """Whether the runs folder is no longer the one that the lock was taken in."""
        return self._descriptor is not None and FolderWatch(self._files.scheduler_lock, self._descriptor).gone()

    def leave(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            self._files.scheduler.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None
