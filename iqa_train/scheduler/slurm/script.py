"""The batch script of a submission."""

import time
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from iqa_train.runner.environment import interpreter_of
from iqa_train.runner.program import python_command
from iqa_train.runs.layout import SlurmFiles
from iqa_train.scheduler.queue import Item
from iqa_train.scheduler.slurm.submissions import Submission
from iqa_train.slurm.batch_script import batch_script
from iqa_train.study.slurm_table import SlurmTable


def script_of(submission: Submission, item: Item, runs_dir: Path, after: Sequence[str] = ()) -> str:
    """The script; `item` is any item of the submission, and `after` are the arrays that have to end first."""
    project = item.project(runs_dir)
    words = python_command("iqa_train.scheduler.slurm.job", str(runs_dir.absolute()), submission.token)
    words[0] = interpreter_of(item.python, project)
    return batch_script(
        SlurmTable.model_validate(submission.options), words, token=submission.token,
        name=item.study if len(submission.keys) > 1 else f"{item.study}-{item.experiment}",
        tasks=len(submission.tasks), at_once=submission.at_once, hold=submission.held, after=after,
        begin_in=_seconds_until(submission.begin), folder=project, logs=SlurmFiles(runs_dir).folder.absolute(),
    )  # fmt: skip


def _seconds_until(moment: float) -> int | None:
    return max(1, ceil(moment - time.time())) if moment else None
