"""The job that continues where an array's last job could not: `python -m iqa_train.scheduler.slurm.follow_up RUNS_DIR`.

A job that ends reconciles, unless it is killed from outside, or Slurm refuses what follows while the job itself still
counts. One job for each array therefore depends on the array's failure (Slurm removes it where there is none), and
reconciles.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys
import time
from pathlib import Path

from iqa_train.errors import UserError
from iqa_train.runner.environment import interpreter_of
from iqa_train.runner.program import python_command
from iqa_train.runs.identity import require_own_proc
from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.submissions import Submission
from iqa_train.slurm.batch_script import follow_up_script
from iqa_train.slurm.this_job import this_job
from iqa_train.study.slurm_table import SlurmTable

PROGRAM = "iqa_train.scheduler.slurm.follow_up"

_PAUSES = (0.0, 10.0, 50.0, 120.0)  # seconds before each try: less than the time limit of the job in all


def script_of_follow_up(submission: Submission, item: Item, runs_dir: Path) -> str:
    """The batch script of the job that follows `submission` if that fails; `item` is any item of it."""
    project = item.project(runs_dir)
    words = python_command(PROGRAM, str(runs_dir.absolute()))
    words[0] = interpreter_of(item.python, project)
    return follow_up_script(
        SlurmTable.model_validate(submission.options), words, name=item.study, after=submission.job,
        folder=project, logs=SlurmFiles(runs_dir).folder.absolute(),
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Reconcile; returns the exit code."""
    from iqa_train.scheduler.slurm.reconcile import reconcile  # imports this module

    (folder,) = sys.argv[1:] if argv is None else argv
    words = ""
    for pause in _PAUSES:
        time.sleep(pause)
        try:
            require_own_proc()
            words = reconcile(Path(folder), asked=True, ending={this_job().label: "COMPLETED"})
        except UserError as error:
            words = str(error)
        if not words:
            return 0
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
