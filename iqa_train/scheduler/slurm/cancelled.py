"""Records in a run's folder that its job was cancelled before it had begun: an attempt that was over at once."""

import contextlib
import signal
from dataclasses import asdict

from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.outcome import Outcome
from iqa_train.runs.state_names import KILLED
from iqa_train.timestamp import utc_timestamp


def record_cancelled(run: RunFolder, job: str, how: str = "was cancelled before it began") -> None:
    """Make the attempt; the process that makes the folder first records it."""
    attempt = run.next_attempt()
    with contextlib.suppress(FileExistsError):
        attempt.folder.mkdir()
        words = f"job {job} {how}; iqa-train relaunch starts the run"
        outcome = Outcome(KILLED, words, None, int(signal.SIGTERM), requested=True)
        now = utc_timestamp()
        write_json(attempt.exit, {"schema_version": SCHEMA_VERSION, **asdict(outcome), "ended": now, "seconds": 0.0})
