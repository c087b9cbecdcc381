"""The start of an attempt: its folder, its log, what it takes over, its worker, and runner.json about all of them."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from iqa_train.devices.inventory import worker_environment
from iqa_train.errors import RunError
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.handed import handing
from iqa_train.redaction import public_command
from iqa_train.regular import sweep
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.environment import surroundings
from iqa_train.runner.process_limits import RefusedError, starting
from iqa_train.runner.program import nice_words, python_command
from iqa_train.runner.run_lock import AlreadyRunningError, RunLock, made_by_another
from iqa_train.runner.running_attempt import RunningAttempt
from iqa_train.runs.code_copy import copy_code
from iqa_train.runs.documents import read_spec_facts
from iqa_train.runs.fence import fence_off
from iqa_train.runs.identity import identity_of, origin_facts, this_process
from iqa_train.runs.layout import Attempt, RunFolder, log_path
from iqa_train.runs.marks import MARK, mark_for
from iqa_train.runs.metrics import epochs_in
from iqa_train.runs.project import inside, recorded
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.timestamp import utc_timestamp

WORKER = "IQA_TRAIN_WORKER"  # another program that keeps the worker's contract, for tests of everything around it
_REQUIRED = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
# Threads that wait for each other by spinning take five times as long when two runs share the cores, and others' runs
# suffer with them; sleeping costs a run that is alone next to nothing.
_POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}
_RESERVE = 1 << 16  # bytes kept for exit.json on a disk that fills up


def start_worker(request: AttemptRequest, lock: RunLock) -> RunningAttempt:
    """Make the attempt's folder and log, and start its worker.

    Raises AlreadyRunningError if another runner has made the attempt, RunError if it cannot be started; neither an
    attempt nor a log is left then.
    """
    run = request.run
    spec = request.spec if request.spec is not None else _spec_of(run)
    if request.spec is not None:
        request.logs_dir.mkdir(parents=True, exist_ok=True)
    elif request.logs_dir.absolute().parent.is_dir():  # a folder of logs that was cleared away, but not a whole project
        request.logs_dir.mkdir(exist_ok=True)
    log, file = _new_log(request.logs_dir, spec)  # first, since an attempt without a log must not start
    earlier, attempt = run.attempts(), lock.attempt
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
        with contextlib.suppress(DamagedFileError, OSError):  # named where the file is needed
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
        "started": utc_timestamp(),
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


def _new_log(logs_dir: Path, spec: Mapping[str, Any]) -> tuple[Path, BinaryIO]:
    """A log of this attempt's own, also when others start in the same second."""
    started = datetime.now()
    while True:
        log = log_path(logs_dir, spec["slug"], spec["study"], started)
        try:
            return log, log.open("xb")
        except FileExistsError:  # another runner has taken the name since it was found free
            continue


def _set_aside(run: RunFolder, last: Attempt) -> list[tuple[Path, Path]]:
    """Move what the last attempt left into its own folder: nothing is ever overwritten. Returns from where to where.

    A result counts until the new one is complete, so what it came from stays with it.
    """
    if run.result.exists() and run.provenance.exists():
        shutil.copyfile(run.provenance, last.folder / run.provenance.name)
    moves = [(path, last.folder / path.name) for path in run.outcome()]
    for path, aside in moves:
        path.rename(aside)
    return moves
