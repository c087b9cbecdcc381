"""A detached runner, started by the scheduler: `python -m iqa_train.scheduler.detached_runner RUN_FOLDER ...`.

Takes the lease of its device, makes one attempt, and ends. Exits with 0 when the attempt was made, whatever its end;
with `BUSY` when device or run was taken meanwhile; with 1 and a sentence on standard error when it could not begin.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import Holder, acquire, login_name
from iqa_train.errors import UserError
from iqa_train.redaction import public_command
from iqa_train.regular import real_path
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.polite import exceeds_limit, polite
from iqa_train.runner.program import python_command
from iqa_train.runner.run_lock import AlreadyRunningError
from iqa_train.runner.runner import run_attempt
from iqa_train.runner.running_attempt import RunningAttempt
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.runs.state import HEARTBEAT
from iqa_train.scheduler.item_status import snapshots_of, status_of
from iqa_train.scheduler.outbox import is_due
from iqa_train.scheduler.queue import Item, folder_of, read_queue
from iqa_train.scheduler.scheduler_lock import ensure_scheduler, scheduler_process
from iqa_train.study.manners import UNLIMITED, manners_from

PROGRAM = "iqa_train.scheduler.detached_runner"
BUSY = 75


def runner_command(
    item: Item, runs_dir: Path, device: Device, attempt: int, places: int, program: str = PROGRAM
) -> list[str]:
    """The command that makes attempt number `attempt` at `item` on `device`."""
    starts_over = item.again and attempt == item.after + 1
    how = ["--again"] if starts_over else ["--resume"] if attempt > 1 else []
    return python_command(
        program, str(real_path(folder_of(item, runs_dir).path)),
        "--device", json.dumps(asdict(device)), "--attempt", str(attempt), "--places", str(places),
        "--logs-dir", item.logs_dir, "--code", item.code, "--command", json.dumps(public_command(item.command)), *how,
        *(["--local", json.dumps(item.local.as_json())] if item.slurm is None and item.local != UNLIMITED else []),
    )  # fmt: skip


def holder_of(run: RunFolder) -> Holder:
    """The holder that a run writes into a lease."""
    return Holder(run.experiment, run.study, login_name(), str(real_path(run.path)))


def _is_queued(run: Path) -> bool:
    """Whether the run is still queued: a command that withdraws it checks afterwards whether it has started."""
    runs_dir = run.parents[2]
    return any(folder_of(item, runs_dir).path == run for item in read_queue(runs_dir).items)


class SchedulerKeeper:
    """Replaces a scheduler that was killed: while any run is alive, its study continues by itself."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._next = time.monotonic() + HEARTBEAT
        self._reader = SnapshotReader()

    def __call__(self, started: RunningAttempt) -> None:
        del started
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + HEARTBEAT
            self.look()

    def look(self) -> None:
        """Check now. A scheduler that cannot be started is no failure of the run; `iqa-train status` shows it."""
        with contextlib.suppress(UserError, OSError):
            queue = read_queue(self._runs_dir)
            found = snapshots_of(queue.items, self._runs_dir, self._reader)
            local = [item for item in queue.items if item.slurm is None]
            waiting = any(status_of(item, found[item.key]).phase == "waiting" for item in local)
            wanted = (waiting or bool(queue.rounds)) and not queue.paused
            wanted = wanted or is_due(queue, self._runs_dir, found)
            if wanted and scheduler_process(self._runs_dir) is None:
                ensure_scheduler(self._runs_dir)


def attempt_arguments(program: str) -> argparse.ArgumentParser:
    """The arguments of a program that makes an attempt, as `runner_command` gives them."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("run", type=Path)
    parser.add_argument("--device", type=json.loads, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--places", type=int, default=1)
    parser.add_argument("--logs-dir", type=Path, required=True)
    parser.add_argument("--command", type=json.loads, default=[])
    parser.add_argument("--code", default="")
    parser.add_argument("--local", type=json.loads, default={})
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--resume", action="store_true")
    return parser


def make_attempt(
    options: argparse.Namespace,
    watch: Callable[[RunningAttempt], None] = lambda _: None,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Make the attempt that `options` describe; returns the exit code. `more` are further fields of its request."""
    device, manners = Device(**options.device), manners_from(options.local)
    run = RunFolder(options.run)
    try:
        lease = acquire(device.key, holder_of(run), places=options.places)
        if lease is None or exceeds_limit(device, manners):  # another of our queues has been quicker
            return BUSY
        request = AttemptRequest(
            run, device, lease, options.logs_dir, list(options.command), attempt=options.attempt,
            resume=options.resume, again=options.again, queued_code=options.code,
            still_wanted=lambda: _is_queued(options.run), **(polite(device, manners) | dict(more or {})),
        )  # fmt: skip
        run_attempt(request, watch)
    except AlreadyRunningError:
        return BUSY
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.run}: {error.strerror}\n")
        return 1
    return 0


def main(argv: list[str] | None = None) -> int:
    """Make the attempt; returns the exit code."""
    options = attempt_arguments(PROGRAM).parse_args(argv)
    keeper = SchedulerKeeper(options.run.parents[2])
    code = make_attempt(options, keeper)
    if code == 0:
        keeper.look()
    return code


if __name__ == "__main__":
    sys.exit(main())
