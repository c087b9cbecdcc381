"""Words of the findings."""

from pathlib import Path

from iqa_train.runs.layout import RunFolder


def name_of(run: RunFolder) -> str:
    """A run as people call it: `A1 (seed 42)`."""
    return f"{run.experiment} ({run.seed_words})"


def command_for(words: str, runs_dir: Path) -> str:
    """The `iqa-train` command line that works on this runs folder."""
    return f"iqa-train {words}" + ("" if runs_dir == Path("runs") else f" --runs-dir {runs_dir}")
