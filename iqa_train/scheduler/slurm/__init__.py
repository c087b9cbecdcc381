"""Runs that Slurm carries out: what is submitted, what it answers, and the program of a job."""

from pathlib import Path

from iqa_train.runs.layout import SlurmFiles


def attend_slurm(runs_dir: Path, *, asked: bool = False) -> str:
    """Reconcile where anything has been submitted to Slurm from here; why that is not possible, "" if it is.

    Costs one look at the disk elsewhere, and imports nothing.
    """
    if not SlurmFiles(runs_dir).folder.is_dir():
        return ""
    from iqa_train.scheduler.slurm.reconcile import reconcile

    return reconcile(runs_dir, asked=asked)
