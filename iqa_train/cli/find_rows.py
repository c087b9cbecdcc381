"""Finds the runs that a command line names: experiments by id, or run folders."""

from collections.abc import Sequence
from pathlib import Path

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.scheduler.overview import Overview, Row


def rows_named(overview: Overview, names: Sequence[str]) -> list[Row]:
    """The rows of each name, in the overview's order. Raises UsageError for an unknown name, with the nearest one."""
    chosen: dict[str, Row] = {}
    for name in names:
        found = [row for row in overview.rows if _is(row, name)]
        if not found:
            known = dict.fromkeys(row.experiment for row in overview.rows)
            hint = did_you_mean(name, known) if known else "nothing is queued and nothing has been run here"
            raise UsageError(f'there is no run of "{visible(name)}" here; {hint}')
        chosen |= {str(row.run.path): row for row in found}
    return list(chosen.values())


def in_study_order(rows: Sequence[Row], experiments: Sequence[str]) -> list[Row]:
    """Rows by study, then by seed, then in the order of `experiments`, which is the order in which a study is run.

    Experiments that are not in `experiments` come last, by name. What is queued, runs or has ended plays no part: a row
    keeps its place.
    """
    place = {name: n for n, name in enumerate(experiments)}
    last = len(place)
    return sorted(
        rows,
        key=lambda row: (row.study, row.seed, place.get(row.experiment, last), row.experiment, row.run.path.name),
    )


def _is(row: Row, name: str) -> bool:
    path = row.run.path
    return name == row.experiment or Path(name) == path or Path(name) == Path(*path.parts[-3:])
