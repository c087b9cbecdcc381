"""Why a job waits, in words: Slurm's own reason, and what it means where that is not plain."""

from datetime import datetime

from iqa_train.slurm.answer import Answer


def waiting_words(answer: Answer) -> str:
    """For a person: the job, Slurm's reason, and when Slurm expects it to start."""
    if answer.state == "SUBMITTING":
        return "being submitted to Slurm"
    if answer.kind == "running":
        return f"Slurm job {answer.job} is starting on {answer.node or 'its node'}"
    words = f"Slurm job {answer.job}: {answer.reason or answer.state}"
    if answer.start is not None:
        words += f", expected to start at {datetime.fromtimestamp(answer.start):%Y-%m-%d %H:%M}"
    return words
