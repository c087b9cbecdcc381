"""The scheduler: one detached process per runs folder; starts runners until every queued run is settled.

It keeps no state: it compares the queue with the run folders and the leases, and `placement.plan` says what to start.
Killing it and starting another changes nothing. Runs do not need it once they are started.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

from iqa_train.devices.nvml import Nvml
from iqa_train.errors import RunError, UserError
from iqa_train.locks import LockedError
from iqa_train.redaction import without_secrets
from iqa_train.regular import real_path
from iqa_train.runner.environment import environment_of, interpreter_of
from iqa_train.runner.folder_watch import gone_words
from iqa_train.runner.process_limits import RefusedError, starting
from iqa_train.runner.process_tree import kill_all
from iqa_train.runs.identity import identity_of, require_own_proc, suspension
from iqa_train.runs.layout import QueueFiles, RunFolder
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.runs.state import orphaned_attempt
from iqa_train.scheduler.courier import Courier
from iqa_train.scheduler.detached_runner import BUSY, runner_command
from iqa_train.scheduler.device_slots import DeviceUse, list_device_slots, occupant_of
from iqa_train.scheduler.item_status import ItemStatus, Phase, snapshots_of, status_of
from iqa_train.scheduler.notify_table import notify_table
from iqa_train.scheduler.outbox import is_due, settled_studies, with_ends_recorded, with_studies_recorded
from iqa_train.scheduler.placement import DeviceSlots, QueueEntry, Start, plan
from iqa_train.scheduler.queue import Item, Queue, edit_queue, folder_of, read_queue
from iqa_train.scheduler.round_keeper import RoundKeeper
from iqa_train.scheduler.scheduler_lock import SchedulerLock
from iqa_train.scheduler.stop import pass_on_request
from iqa_train.scheduler.visits import Visits

_SHORTEST, _LONGEST = 0.5, 2.0  # seconds between two looks
_MAX_LOAD_SHARE = 200  # a look takes at most one part in so many of the time
_DEVICES_EVERY = 2.0
_START_AGAIN = (2.0, 30.0)  # seconds until a runner that could not begin is tried again, first and at most


@dataclass
class _Launch:
    """A runner that was started here, until it ends."""

    process: "subprocess.Popen[bytes]"
    stderr: IO[bytes]
    attempt: int
    device_key: str


@dataclass(frozen=True)
class _Failure:
    """A runner that could not begin: why, when it may be tried again, and how long that pause was."""

    words: str
    until: float
    pause: float
    tries: int


class Scheduler:
    """What one scheduler process remembers; all of it can be derived from files again."""

    def __init__(self, runs_dir: Path, lock: SchedulerLock) -> None:
        self._runs_dir = runs_dir
        self._lock = lock
        self._files = QueueFiles(runs_dir)
        self._queue = Queue()
        self._queue_mark: tuple[int, int] | None = None
        self._nvml = Nvml()
        self._launched: dict[str, _Launch] = {}
        self._failed: dict[str, _Failure] = {}
        self._reader = SnapshotReader()
        self._found: dict[str, RunSnapshot] = {}  # by the key of the item, as of this look
        self._suspended: dict[str, str] = {}  # key -> words for a runner that was suspended before it could begin
        self._last: dict[str, str] = {}
        self._passed: set[tuple[str, int]] = set()  # attempts whose worker was signalled in its runner's place
        self._places: list[DeviceSlots] = []
        self._visits = Visits()
        self._looked = -float("inf")
        self._courier = Courier(runs_dir, self._config_of, say)
        self._rounds = RoundKeeper(runs_dir, say)
        self._last_error = ""
        self.stopping = False

    def work(self) -> None:
        """Look and act until nothing is left to do, or until asked to stop; runs continue either way."""
        try:
            self._work()
        finally:
            self._courier.finish()

    def _work(self) -> None:
        say(f"scheduler {os.getpid()} works on {real_path(self._runs_dir)}")
        while not self.stopping:
            began = time.monotonic()
            if self._lock.gone():
                say(f"{gone_words(self._runs_dir)}; this scheduler ends, and so do its runs")
                return
            self._lock.beat()
            try:
                if not self._look() and self._may_end():
                    return
                self._last_error = ""
            except (OSError, LockedError) as error:  # a full disk, a server that is away: it may pass
                words = str(error)
                if isinstance(error, OSError):
                    words = f"{error.filename or self._runs_dir}: {error.strerror}"
                if words != self._last_error:
                    say(words)
                self._last_error = words
            spent = time.monotonic() - began
            time.sleep(min(max(_SHORTEST, _MAX_LOAD_SHARE * spent), _LONGEST))
        self._lock.leave()
        say("asked to stop; runs continue")

    def _look(self) -> bool:
        """One pass; returns whether anything is left to wait for."""
        self._read_queue()
        self._reap()
        self._note_suspended()
        self._found = {i.key: self._reader.read(folder_of(i, self._runs_dir)) for i in self._queue.items}
        entries = [(item, status_of(item, self._found[item.key])) for item in self._queue.items]
        for item, status in entries:
            if status.phase == "running" and item.slurm is None:
                self._look_after(item, status)
        self._log_and_notify(entries)
        self._courier.look()
        local = [(item, status) for item, status in entries if item.slurm is None]
        if any(status.phase == "waiting" for _, status in local) and not self._queue.paused:
            self._start(entries)
        looking = self._rounds.look(self._queue, entries)
        return looking or any(status.phase != "settled" for _, status in local) or bool(self._launched)

    def _look_after(self, item: Item, status: ItemStatus) -> None:
        """Do what the runner of a run would, if the runner was killed."""
        run = folder_of(item, self._runs_dir)
        if left := orphaned_attempt(self._found[item.key]):
            say(f"{item.run}: runner and worker have ended; the processes that they started are killed")
            kill_all(left.folder)
        elif (item.key, status.attempt) not in self._passed and pass_on_request(run):
            self._passed.add((item.key, status.attempt))
            say(f"{item.run}: its runner has ended; the request to stop is passed on to its worker")

    def _start(self, entries: list[tuple[Item, ItemStatus]]) -> None:
        held = [QueueEntry(item, self._planned_phase(item, status)) for item, status in entries]
        first = plan(held, self._devices(entries), policy=self._queue.policy, now=time.time())
        if not first.starts:
            return
        self._looked = -float("inf")  # decide on fresh readings
        for start in plan(held, self._devices(entries), policy=self._queue.policy, now=time.time()).starts:
            status = next(s for item, s in entries if item.key == start.item.key)
            self._launch(start, status.attempt)
        self._looked = -float("inf")

    def _planned_phase(self, item: Item, status: ItemStatus) -> Phase:
        """Its phase; an item whose runner was started counts as running, and for a while one that could not begin."""
        failure = self._failed.get(item.key)
        if status.phase != "waiting":
            return status.phase
        if item.key in self._launched:
            return "running"
        if failure is None or time.monotonic() >= failure.until:
            return "waiting"
        return "settled" if failure.tries > item.retries else "running"

    def _devices(self, entries: list[tuple[Item, ItemStatus]]) -> list[DeviceSlots]:
        if time.monotonic() - self._looked >= _DEVICES_EVERY:
            occupants = [o for item, status in entries if (o := self._occupant(item, status)) is not None]
            waiting = [item for item, status in entries if status.phase == "waiting" and item.slurm is None]
            places = list_device_slots(self._queue.slots, self._queue.runs_per_gpu, occupants, self._nvml, waiting)
            self._places = self._visits.kept(places)
            self._looked = time.monotonic()
        return self._places

    def _occupant(self, item: Item, status: ItemStatus) -> DeviceUse | None:
        launch = self._launched.get(item.key)
        if status.phase != "running":
            return DeviceUse(item, launch.device_key, None) if launch else None
        return occupant_of(item, self._found[item.key])

    def _launch(self, start: Start, attempt: int) -> None:
        item = start.item
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the runner has ended)
        project = item.project(self._runs_dir)
        command = runner_command(item, self._runs_dir, start.device, attempt, self._queue.runs_per_gpu)
        command[0] = interpreter_of(item.python, project)
        try:
            with starting("a runner"):
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                    start_new_session=True, cwd=project, env=environment_of(item.environment, project),
                )  # fmt: skip
        except (OSError, RefusedError) as error:  # the directory it was queued in is gone
            stderr.close()
            words = f"{error.filename or project}: {error.strerror}" if isinstance(error, OSError) else str(error)
            self._note_failure(item.key, attempt, words)
            return
        self._launched[item.key] = _Launch(process, stderr, attempt, start.device.key)
        say(f"{item.run}: attempt {attempt} on {start.device.label}")

    def _reap(self) -> None:
        for key, launch in list(self._launched.items()):
            if launch.process.poll() is None:
                continue
            del self._launched[key]
            launch.stderr.seek(0)
            words = without_secrets(launch.stderr.read(10_000).decode(errors="replace").strip())
            launch.stderr.close()
            if launch.process.returncode not in {0, BUSY} and not self._has_begun(key, launch.attempt):
                words = words or f"the runner ended with {launch.process.returncode}"
                self._note_failure(key, launch.attempt, words)
            elif self._failed.pop(key, None):
                self._sign()

    def _note_suspended(self) -> None:
        """Note runners that are suspended before they have begun: nothing else shows that."""
        suspended = {
            key: f"its runner is {words}"
            for key, launch in self._launched.items()
            if not self._has_begun(key, launch.attempt) and (words := suspension(identity_of(launch.process.pid)))
        }
        if suspended != self._suspended:
            self._suspended = suspended
            self._sign()

    def _note_failure(self, key: str, attempt: int, words: str) -> None:
        first, most = _START_AGAIN
        before = self._failed.get(key)
        pause = min(2 * before.pause, most) if before else first
        self._failed[key] = _Failure(words, time.monotonic() + pause, pause, before.tries + 1 if before else 1)
        say(f"{key}: attempt {attempt} could not begin: {words}")
        self._sign()

    def _sign(self) -> None:
        with contextlib.suppress(OSError):
            self._lock.sign({name: failure.words for name, failure in self._failed.items()} | self._suspended)

    def _has_begun(self, run: str, attempt: int) -> bool:
        return any(made.number >= attempt for made in RunFolder(self._runs_dir / run).attempts())

    def _log_and_notify(self, entries: list[tuple[Item, ItemStatus]]) -> None:
        """Log changes of state, and record ends for notifications."""
        for item, status in entries:
            state = f"{status.state.name} {status.state.reason}".strip()
            before = self._last.get(item.key)
            self._last[item.key] = state
            if before is not None and before != state:
                say(f"{item.run}: {state}")
        ended = [i for i, s in entries if s.phase == "settled" and s.tried and not i.told]
        if any(self._queue.notify.get(item.study) for item in ended):
            with edit_queue(self._runs_dir) as edit:
                found = snapshots_of(edit.queue.items, self._runs_dir, self._reader)
                edit.queue = with_ends_recorded(edit.queue, self._runs_dir, ended, found)

    def _config_of(self, study: str) -> Mapping[str, Any]:
        """The [notify] of a study. Raises RunError where its study file cannot be read."""
        return notify_table(self._queue.notify.get(study, {}), self._runs_dir)

    def _read_queue(self) -> None:
        try:
            status = self._files.queue.stat()
            mark: tuple[int, int] | None = (status.st_mtime_ns, status.st_ino)
        except FileNotFoundError:
            mark = None
        if mark != self._queue_mark:
            try:
                self._queue = read_queue(self._runs_dir)
            except RunError as error:
                say(str(error))
            self._queue_mark = mark
            self._looked = -float("inf")
            self._failed.clear()  # the change may have repaired what was wrong
            keys = {item.key for item in self._queue.items}
            self._last = {key: state for key, state in self._last.items() if key in keys}

    def _may_end(self) -> bool:
        """Release the scheduler's lock unless there is more to do; under the queue's lock, so that nothing is missed.

        It is kept until every end is delivered or given up: the next scheduler would deliver the same.
        """
        with edit_queue(self._runs_dir) as edit:
            found = snapshots_of(edit.queue.items, self._runs_dir, self._reader)
            entries = [(item, status_of(item, found[item.key])) for item in edit.queue.items]
            local = [status for item, status in entries if item.slurm is None]
            if any(status.phase != "settled" for status in local) or self._rounds.is_due(edit.queue, entries):
                return False
            ended = with_ends_recorded(edit.queue, self._runs_dir, found=found)
            studies = settled_studies(ended, self._runs_dir, found)
            edit.queue = with_studies_recorded(ended, self._runs_dir, studies, found=found)
            if is_due(edit.queue, self._runs_dir, found) or self._courier.look():
                return False
            self._lock.leave()
        say("all queued runs are settled")
        return True


def say(line: str) -> None:
    """Write a line to the scheduler's log; on a full disk the line is lost."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
        sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Be the scheduler of the runs folder given, unless another is."""
    (runs_dir,) = (Path(word).absolute() for word in (sys.argv[1:] if argv is None else argv))
    try:
        return _serve(runs_dir)
    except UserError as error:
        say(str(error))
    except OSError as error:
        say(f"{error.filename or runs_dir}: {error.strerror}")
    return 1


def _serve(runs_dir: Path) -> int:
    require_own_proc()
    lock = SchedulerLock(runs_dir)
    if not lock.take():
        return 0
    scheduler = Scheduler(runs_dir, lock)

    def stop(_number: int, _frame: FrameType | None) -> None:
        scheduler.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    scheduler.work()
    return 0


if __name__ == "__main__":
    sys.exit(main())
