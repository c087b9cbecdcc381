"""The names of the studies that have runs on disk."""

from pathlib import Path


def names_of_studies(runs_dir: Path, *, attempted: bool = False) -> list[str]:
    """Sorted; with `attempted` only those with an attempt. Empty where the folder cannot be read. Searches the disk."""
    from iqa_train.runs.layout import run_folders

    try:
        return sorted({run.study for run in run_folders(runs_dir) if not attempted or run.attempts()})
    except OSError:
        return []
