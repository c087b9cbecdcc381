"""The program of a job: `python -m iqa_train.scheduler.slurm.job RUNS_DIR TOKEN`, the last act of its batch script.

Carries out the runs that the job was submitted for, each by a runner of its own, and looks after them. Near the end of
its time, and when Slurm ends it, the runs write checkpoints; those that are to be tried again continue when the job,
which requeues itself, is started once more. Otherwise it reconciles, so that what follows is submitted.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from iqa_train.devices.leases import leases_folder
from iqa_train.devices.nvml import Nvml
from iqa_train.errors import RunError, UserError
from iqa_train.redaction import without_secrets
from iqa_train.runner.environment import interpreter_of
from iqa_train.runner.process_limits import RefusedError, starting
from iqa_train.runner.process_tree import kill_all
from iqa_train.runner.start_worker import WORKER
from iqa_train.runs.identity import require_own_proc
from iqa_train.runs.layout import Attempt, QueueFiles, SlurmFiles
from iqa_train.runs.snapshot import RunSnapshot, SnapshotReader
from iqa_train.scheduler.detached_runner import BUSY, runner_command
from iqa_train.scheduler.item_status import item_status, snapshots_of
from iqa_train.scheduler.queue import Item, Queue, folder_of, read_queue
from iqa_train.scheduler.slurm.cancelled import record_cancelled, record_unable
from iqa_train.scheduler.slurm.job_ending import JobEnding, Signals
from iqa_train.scheduler.slurm.job_environment import job_environment
from iqa_train.scheduler.slurm.job_interrupters import tell
from iqa_train.scheduler.slurm.job_places import Place, no_gpu_words, places_of
from iqa_train.scheduler.slurm.job_runner import PROGRAM, job_words
from iqa_train.scheduler.slurm.job_turn import Due, attempt_due, jobs_in_question
from iqa_train.scheduler.slurm.submissions import Submission, read_submission, read_submissions, tasks_now
from iqa_train.slurm import commands
from iqa_train.slurm.answer import answer_of, job_named
from iqa_train.slurm.commands import SlurmError
from iqa_train.slurm.job_watch import own_jobs
from iqa_train.slurm.this_job import ThisJob, this_job
from iqa_train.study.slurm_table import SlurmTable

_LOOK = 0.2  # seconds between two looks at signals and runners
_LATE = 60.0  # seconds in which a file that was written before the job began is visible on its node
_AGAIN = 5.0  # seconds until a run is tried again whose device or lock was taken
_ROOM_AFTER = (3.0, 7.0, 20.0)  # seconds until what was refused is tried again, while other jobs end
_TRIES = 2  # attempts at a run in one start of the job: another node may do better


@dataclass
class _Runner:
    """A runner at work on an attempt, and its place."""

    process: "subprocess.Popen[bytes]"
    stderr: IO[bytes]
    due: Due
    place: Place


class JobProgram:
    """One start of a job."""

    def __init__(self, runs_dir: Path, submission: Submission, job: ThisJob, signals: Signals) -> None:
        self._runs_dir = runs_dir
        self._submission = submission
        self._job = job
        self._keys = submission.tasks[job.task or 0]
        self._open = list(self._keys)  # of which an attempt is still to be made, as far as is known
        self._not_due: list[str] = []  # of which none is to be made now
        self._not_before: dict[str, float] = {}  # monotonic
        self._tries: dict[str, int] = {}
        self._runners: dict[str, _Runner] = {}
        self._free: list[Place] = []
        self._missing_until = time.monotonic() + _LATE
        self._reader = SnapshotReader()
        self._ending = JobEnding(job, signals, SlurmTable.model_validate(submission.options).margin_seconds)
        self._failed = False  # a run could not begin
        self._unable = ""  # why none of them is to begin: on the CPU it would take days, and nobody would know
        self._failing_since: float | None = None  # monotonic: files cannot be read

    def work(self) -> int:
        """Carry out the runs; returns the exit code."""
        with contextlib.closing(Nvml()) as nvml:
            sample = nvml.sample()
        self._free = places_of(self._job, sample, len(self._keys), read_queue(self._runs_dir).runs_per_gpu)
        if WORKER not in os.environ:  # a stand-in for the trainer needs no GPU
            asked = SlurmTable.model_validate(self._submission.options).gpu_count
            self._unable = no_gpu_words(self._job, sample, asked)
        own = [place.device.key for place in self._free if place.device.kind == "cpu"]
        try:
            while self._runners or (self._open and not self._ending.has_begun):
                self._look()
                time.sleep(_LOOK)
        finally:
            self._ending.close()
            for key in own:  # they bear the job's name: nobody else's
                (leases_folder() / f"{key}.lock").unlink(missing_ok=True)
        return self._finish()

    def _look(self) -> None:
        """One pass. Runs continue where a file server is away for a while; a job without any ends after a minute."""
        try:
            self._look_for_the_end()
            self._reap()
            if not self._ending.has_begun:
                self._start()
            self._failing_since = None
        except (OSError, RunError) as error:
            now = time.monotonic()
            if self._failing_since is None:
                self._failing_since = now
                say(error_words(error, self._runs_dir))
            if not self._runners and now > self._failing_since + _LATE:
                raise

    # what is started

    def _start(self) -> None:
        """Start what is due, as far as there are places."""
        now = time.monotonic()
        ready = [key for key in self._open if now >= self._not_before.get(key, 0.0)]
        if not ready or not self._free:
            return
        queue = read_queue(self._runs_dir)
        found = self._snapshots(queue)
        gone = self._gone(jobs_in_question(ready, found, self._job))
        for key in ready[: len(self._free)]:
            due = attempt_due(key, self._submission.after.get(key), queue, found, self._job, gone)
            if isinstance(due, Due):
                self._open.remove(key)
                if self._unable:
                    self._fail(due)
                else:
                    self._launch(due, self._free.pop(0))
            elif due.missing and now < self._missing_until and not self._is_newer():
                self._not_before[key] = now + _AGAIN
            else:
                say(f"{key}: no attempt is made: {due.words}")
                self._open.remove(key)
                self._not_due.append(key)

    def _fail(self, due: Due) -> None:
        words = f"{self._unable}; gpus = 0 in [slurm] trains on the CPU"
        say(f"{due.item.key}: failed: {words}")
        record_unable(folder_of(due.item, self._runs_dir), words)
        self._failed = True

    def _snapshots(self, queue: Queue) -> dict[str, RunSnapshot]:
        """Of the runs of this job, and of those in batches before theirs."""
        batch = max((item.batch for item in queue.items if item.key in self._keys), default=0)
        wanted = [item for item in queue.items if item.key in self._keys or item.batch < batch]
        return snapshots_of(wanted, self._runs_dir, self._reader)

    def _is_newer(self) -> bool:
        """Whether the queue, as this node sees it, was changed after the job was submitted."""
        with contextlib.suppress(OSError):
            return QueueFiles(self._runs_dir).queue.stat().st_mtime > self._submission.made
        return False

    def _gone(self, jobs: Collection[str]) -> dict[str, bool]:
        """Whether Slurm says that they have ended; empty if it does not answer."""
        listed = own_jobs().look() if jobs else None
        if listed is None or not listed.is_known:
            return {}
        now = {job.label: answer_of(job).kind == "gone" for job in listed.jobs}
        gone = {name: now[name] if name in now else own_jobs().is_gone(*job_named(name)) for name in jobs}
        return {name: known for name, known in gone.items() if known is not None}

    def _launch(self, due: Due, place: Place) -> None:
        item = due.item
        project = item.project(self._runs_dir)
        submission = self._submission
        facts = self._job.facts(submission.token) | {"options": submission.options, "cluster": submission.cluster}
        command = runner_command(item, self._runs_dir, place.device, due.attempt, place.shared, PROGRAM)
        command += job_words(facts, self._ending.patience * 1.5, due.supersedes)
        command[0] = interpreter_of(item.python, project)
        environment = job_environment(item.environment, project, submission.options.get("setup") or ())
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the runner has ended)
        try:
            with starting("a runner"):
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr,
                    start_new_session=True, cwd=project, env=environment,
                )  # fmt: skip
        except (OSError, RefusedError) as error:
            stderr.close()
            self._free.append(place)
            words = f"{error.filename or project}: {error.strerror}" if isinstance(error, OSError) else str(error)
            self._note_failure(item.key, words)
            return
        self._runners[item.key] = _Runner(process, stderr, due, place)
        say(f"{item.key}: attempt {due.attempt} on {place.device.label}")

    # what has ended

    def _reap(self) -> None:
        for key, runner in list(self._runners.items()):
            if runner.process.poll() is None:
                continue
            runner.stderr.seek(0)
            self._note_end(key, runner, without_secrets(runner.stderr.read(10_000).decode(errors="replace").strip()))
            del self._runners[key]
            self._free.append(runner.place)
            for file in (runner.stderr, runner.process.stdin):
                with contextlib.suppress(OSError):
                    if file is not None:
                        file.close()

    def _note_end(self, key: str, runner: _Runner, words: str) -> None:
        """Take note of how a runner has ended, and of whether its run is tried again at once."""
        code = runner.process.returncode
        made = self._attempt_of(runner)
        if made is None and code == BUSY:
            say(f"{key}: the device or the run is in use; it is tried again")
            self._end_superseded(runner)
            self._try_again(key)
        elif made is None:
            self._note_failure(key, words or f"the runner ended with {code}")
        else:
            if not made.exit.exists():  # the runner was killed
                kill_all(made.folder)
            status = item_status(runner.due.item, self._runs_dir)
            self._tries[key] = self._tries.get(key, 0) + 1
            say(f"{key}: {status.state.name}: {status.state.reason}".rstrip(": ") + (f" ({words})" if words else ""))
            if status.phase == "waiting" and self._tries[key] < _TRIES:
                self._try_again(key, 0.0)

    def _end_superseded(self, runner: _Runner) -> None:
        """Kill what an earlier start of the job has left on this very node, where it holds the device."""
        for attempt in folder_of(runner.due.item, self._runs_dir).attempts():
            if attempt.number == runner.due.supersedes:
                kill_all(attempt.folder)

    def _note_failure(self, key: str, words: str) -> None:
        """That a run could not begin: no attempt has been made."""
        say(f"{key}: the attempt could not begin: {words}")
        self._tries[key] = self._tries.get(key, 0) + 1
        if self._tries[key] < _TRIES:
            self._try_again(key)
        else:
            self._failed = True

    def _try_again(self, key: str, pause: float = _AGAIN) -> None:
        self._open.append(key)
        self._not_before[key] = time.monotonic() + pause

    # the end of the job

    def _look_for_the_end(self) -> None:
        """End the runs where it is time; Slurm kills everything soon after a TERM."""
        if interruption := self._ending.look(self._is_asked_to_stop):
            say(interruption.words)
            for runner in self._runners.values():
                tell(runner.process.stdin, interruption)
        if self._ending.is_stop_due():  # of what is killed before it can say how it ended: it is not tried again
            self._request_stops()

    def _request_stops(self) -> None:
        for runner in self._runners.values():
            attempt = self._attempt_of(runner)
            if attempt is not None and not attempt.exit.exists():
                with contextlib.suppress(OSError):
                    attempt.stop.touch()

    def _is_asked_to_stop(self) -> bool:
        """Whether a person has asked for the end of one of the runs."""
        attempts = map(self._attempt_of, self._runners.values())
        return any(attempt is not None and attempt.stop.exists() for attempt in attempts)

    def _attempt_of(self, runner: _Runner) -> Attempt | None:
        """The attempt that the runner makes, once it is there."""
        attempts = folder_of(runner.due.item, self._runs_dir).attempts()
        return next((attempt for attempt in attempts if attempt.number == runner.due.attempt), None)

    def _finish(self) -> int:
        """Requeue the job if a run is to be tried again in it; else let others follow."""
        ended = self._ending.termination
        again = {key: item for key in self._keys if (item := self._to_go_on(key)) is not None}
        if ended is not None and ended.cause == "cancelled":
            for item in again.values():  # it had ended for another reason just before
                record_cancelled(folder_of(item, self._runs_dir), self._job.label)
            return 0
        if ended is not None and self._ending.is_requeued():
            return 0
        if again:
            try:
                commands.requeue(self._job.label)
            except SlurmError as error:
                say(f"the job cannot be requeued ({error}); the next iqa-train command submits what is left")
            else:
                say(f"requeued for {', '.join(again)}")
                return 0
        if not_due := [*self._not_due, *self._open]:  # that they were not begun is no failure
            SlurmFiles(self._runs_dir).not_due(self._job.label, self._job.restarts).write_text("\n".join(not_due))
        if words := self._reconcile():
            say(f"what follows is submitted by another job or the next iqa-train command: {words}")
        return 1 if self._failed or (words and commands.is_available()) else 0  # 1 has the follow-up begin

    def _reconcile(self) -> str:
        """Have what follows submitted; why that was not possible, "" if it was.

        Of jobs that end together each may be what leaves the others no room within the site's limit: the one with the
        highest number stays, and tries again.
        """
        ending = {self._job.label: "FAILED" if self._failed else "COMPLETED"}
        words = _reconciled(self._runs_dir, ending)
        for pause in _ROOM_AFTER:
            if not words or not commands.is_available() or self._is_another_later():
                break
            time.sleep(pause)
            words = _reconciled(self._runs_dir, ending)
        return words

    def _is_another_later(self) -> bool:
        """Whether a job with a higher number is on a node, which reconciles at its own end."""
        jobs = tasks_now(read_submissions(self._runs_dir), own_jobs().look(max_age=0.0).jobs)
        numbers = [job.id for found in jobs.values() for job in found.values() if job.is_on_node]
        return any(int(number) > int(self._job.id) for number in numbers if number.isdecimal())

    def _to_go_on(self, key: str) -> Item | None:
        """The item of a run that was begun here, or would have been if there had been a place, and waits."""
        if key not in self._open and not self._tries.get(key):
            return None
        queue = read_queue(self._runs_dir)
        item = next((item for item in queue.items if item.key == key), None)
        if item is None or item.after != self._submission.after.get(key):
            return None
        status = item_status(item, self._runs_dir)
        return item if status.phase == "waiting" and (key in self._open or status.tried) else None


def _reconciled(runs_dir: Path, ending: Mapping[str, str]) -> str:
    """Why what follows could not be submitted from here; "" if it was."""
    from iqa_train.scheduler.slurm.reconcile import reconcile  # much, for the end of a job alone

    try:
        return reconcile(runs_dir, asked=True, ending=ending)
    except UserError as error:
        return str(error)


def error_words(error: OSError | UserError, runs_dir: Path) -> str:
    """A sentence for it."""
    return f"{error.filename or runs_dir}: {error.strerror}" if isinstance(error, OSError) else str(error)


def say(line: str) -> None:
    """Write a line to the job's output; on a full disk the line is lost."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
        sys.stdout.flush()


def awaited_submission(runs_dir: Path, token: str, seconds: float = _LATE) -> Submission:
    """The submission, which a shared file system may show late. Raises RunError if it is not there after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := read_submission(runs_dir, token)) is None:
        if time.monotonic() > deadline:
            raise RunError(
                f"{SlurmFiles(runs_dir).submission(token)} is not there after {seconds:.0f} s: the runs folder is not "
                "on a file system that this node shares, or the submission was withdrawn"
            )
        time.sleep(0.5)
    return found


def main(argv: list[str] | None = None) -> int:
    """Be the program of a job; returns its exit code."""
    signals = Signals()
    folder, token = sys.argv[1:] if argv is None else argv
    runs_dir = Path(folder)
    try:
        require_own_proc()
        job = this_job()
        say(f"job {job.label} on {job.node}, start {job.restarts + 1}")
        return JobProgram(runs_dir, awaited_submission(runs_dir, token), job, signals).work()
    except (OSError, UserError) as error:
        say(error_words(error, runs_dir))
    if words := _reconciled(runs_dir, {}):  # what this job does not do may need another
        say(words)
    return 1


if __name__ == "__main__":
    sys.exit(main())
