"""Finds the runs that a command's words mean: experiments by id, or run folders."""

from collections.abc import Sequence
from pathlib import Path

from iqa_train.errors import UsageError, did_you_mean
from iqa_train.execution.overview import Overview, Row


def rows_named(overview: Overview, names: Sequence[str]) -> list[Row]:
    """The rows of each name, in the overview's order. Raises UsageError for a name that is none, with the nearest."""
    chosen: dict[str, Row] = {}
    for name in names:
        found = [row for row in overview.rows if _is(row, name)]
        if not found:
            known = dict.fromkeys(row.experiment for row in overview.rows)
            hint = did_you_mean(name, known) if known else "nothing is queued and nothing has been run here"
            raise UsageError(f'no run of "{name}" is here; {hint}')
        chosen |= {str(row.run.path): row for row in found}
    return list(chosen.values())


def _is(row: Row, name: str) -> bool:
    path = row.run.path
    return name == row.experiment or Path(name) == path or Path(name) == Path(*path.parts[-3:])
