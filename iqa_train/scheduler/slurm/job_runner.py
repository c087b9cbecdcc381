"""The runner of one run of a job: `python -m iqa_train.scheduler.slurm.job_runner RUN_FOLDER ...`.

As a detached runner, but the job's process says, through standard input, when and why the attempt is to end.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import json
import signal
import sys
from typing import Any

from iqa_train.runs.layout import RunFolder
from iqa_train.scheduler.detached_runner import attempt_arguments, make_attempt
from iqa_train.scheduler.slurm.job_interrupters import JobPipe

PROGRAM = "iqa_train.scheduler.slurm.job_runner"


def job_words(facts: dict[str, Any], patience: float, supersedes: int | None) -> list[str]:
    """What the command of a runner in a job has besides that of any runner."""
    replaced = [] if supersedes is None else ["--supersedes", str(supersedes)]
    return ["--job", json.dumps(facts), "--patience", f"{patience:g}", *replaced]


def main(argv: list[str] | None = None) -> int:
    """Make the attempt; returns the exit code, as a detached runner does."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # meant for the job's process, but sent to all by some sites
    parser = attempt_arguments(PROGRAM)
    parser.add_argument("--job", type=json.loads, required=True)
    parser.add_argument("--patience", type=float, required=True)
    parser.add_argument("--supersedes", type=int)
    options = parser.parse_args(argv)
    pipe = JobPipe(sys.stdin.fileno(), options.job["job"], options.patience)
    run = RunFolder(options.run)

    def asked() -> bool:
        return any(attempt.number == options.attempt and attempt.stop.exists() for attempt in run.attempts())

    more = {
        "supersedes": options.supersedes,
        "interrupters": (pipe.interruption,),
        "why_signalled": lambda: pipe.why_signalled(asked),
        "facts": {"slurm": options.job},
    }
    return make_attempt(options, more=more)


if __name__ == "__main__":
    sys.exit(main())
