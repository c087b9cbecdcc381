"""Stops a run that is part of a Slurm job."""

import contextlib
from collections.abc import Callable

from iqa_train.runs.attempt_facts import read_runner_info
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import run_state
from iqa_train.scheduler.slurm.submissions import read_submission
from iqa_train.scheduler.stop import gone_within
from iqa_train.slurm import commands
from iqa_train.slurm.commands import SlurmError

_POLL = 0.2
_AFTER_CANCEL = 60.0  # seconds that Slurm has to end a cancelled job; KillWait is 30 by default


def stop_job(run: RunFolder, grace: float, waiting: Callable[[], None]) -> str:
    """Stop it; returns the outcome in words. It has `grace` seconds for its checkpoint, then its job is cancelled.

    A job that carries out other runs as well is not cancelled: its own runner kills a worker that does not end.
    """
    attempts = run.attempts()
    facts = read_runner_info(attempts[-1]).get("slurm") if attempts else None
    if facts is None:
        return "is just starting; try again in a moment"
    job = facts["job"]
    attempts[-1].stop.touch()  # first: it is seen even if no signal arrives
    words = ""
    try:
        commands.signal_job(job, "USR1")  # the file system may show the request late
    except SlurmError as error:
        words = f"; {error}"
    if gone_within(run, grace, waiting):
        return _outcome(run)
    submission = read_submission(run.path.parents[2], facts.get("token", ""))
    task = int(job.partition("_")[2] or 0)
    if submission is None or len(submission.tasks[task]) == 1:
        with contextlib.suppress(SlurmError):
            commands.scancel([job])
        gone_within(run, _AFTER_CANCEL, waiting)
    return _outcome(run) + (words if run_state(run).alive else "")


def _outcome(run: RunFolder) -> str:
    state = run_state(run)
    if state.alive:
        return f"is still {state.name}; the request to stop is in its folder, and its job ends when it sees that"
    return f"{state.name}{': ' + state.reason if state.reason else ''}"
