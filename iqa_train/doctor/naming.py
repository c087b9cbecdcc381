"""Words of the findings."""

from collections.abc import Sequence
from pathlib import Path

from iqa_train.runs.layout import RunFolder


def name_of(run: RunFolder) -> str:
    """A run as people call it: `A1 (seed 42)`."""
    return f"{run.path.parent.name} ({run.path.name.partition('-')[0].replace('s', 'seed ', 1)})"


def command_for(words: str, runs_dir: Path) -> str:
    """The `iqa-train` command line that works on this runs folder."""
    return f"iqa-train {words}" + ("" if runs_dir == Path("runs") else f" --runs-dir {runs_dir}")


def counted(number: int | str, what: str) -> str:
    """`1 run`, `2 runs`, `0 runs`."""
    return f"{number} {what}{'' if str(number) == '1' else 's'}"


def a_few(names: Sequence[str], comma: str = ", ", most: int = 3) -> str:
    """The first `most` of them, and how many more there are."""
    more = len(names) - most
    return comma.join(names[:most]) + (f" and {more} more" if more > 0 else "")
