"""Records in a run's folder how an attempt ended that was over before a runner had begun it."""

import contextlib
import signal
from dataclasses import asdict

from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import INVALID, Outcome
from iqa_train.runs.state_names import FAILED, KILLED
from iqa_train.timestamp import utc_timestamp


def record_cancelled(run: RunFolder, job: str, how: str = "was cancelled before it began") -> None:
    """That its job was cancelled before."""
    words = f"job {job} {how}; iqa-train relaunch starts the run"
    _record(run, Outcome(KILLED, words, None, int(signal.SIGTERM), requested=True))


def record_unable(run: RunFolder, words: str) -> None:
    """That its job cannot carry it out."""
    _record(run, Outcome(FAILED, words, INVALID, None))


def _record(run: RunFolder, outcome: Outcome) -> None:
    """Make the attempt; the process that makes the folder first records it."""
    attempt = run.next_attempt()
    with contextlib.suppress(FileExistsError):
        attempt.folder.mkdir()
        now = utc_timestamp()
        write_json(attempt.exit, {"schema_version": SCHEMA_VERSION, **asdict(outcome), "ended": now, "seconds": 0.0})
