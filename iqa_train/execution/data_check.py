"""Looks at the data of every run before the first is started."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from iqa_train.datasets.catalogue import folder_of, load_table
from iqa_train.datasets.splits import fingerprint, split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError
from iqa_train.files import DamagedFileError
from iqa_train.runs.documents import read_provenance
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.state import run_state
from iqa_train.study.settings import SPAQ
from iqa_train.study.spec import DataSource, RunSpec

Bar = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Makes a bar of (label, unit), which gives a function of (done, total) that moves it."""


def require_data(runs: Sequence[tuple[RunSpec, RunFolder]], bar: Bar, *, again: bool) -> None:
    """Read every data set's table once, so that a missing image is told before anything is started or written.

    `bar` shows how far the making of a built-in set is.
    Raises DataError; also for a finished run that saw other data, whose result would pass for this one's.
    """
    tables: dict[object, ImageTable] = {}
    others: dict[str, DataSource] = {}
    for spec, run in runs:
        settings = spec.settings
        key = (settings.dataset, settings.data_dir, spec.source)
        if key not in tables:
            with bar(f"making the {settings.dataset} set", "images") as progress:
                tables[key] = load_table(settings.dataset, spec.source, settings.data_dir, progress)
        others |= {name: spec.cross_sources.get(name, DataSource()) for name in _wanted(spec)}
        now = fingerprint(tables[key], split_table(tables[key], settings.seed))
        if again or not run_state(run).finished:
            continue
        if _data_of(run) not in {None, now}:
            raise DataError(
                f"{spec.experiment} is complete in {run.path}, but with other images, scores or split than "
                f"{tables[key].root} has now; --again runs it anew and keeps the old result"
            )
    for name, source in others.items():
        with bar(f"making the {name} set", "images") as progress:
            load_table(name, source, "", progress)


def _data_of(run: RunFolder) -> str | None:
    """The fingerprint of the data that a run saw; None where its provenance is missing or damaged."""
    try:
        return (read_provenance(run.provenance) or {}).get("data", {}).get("fingerprint")
    except DamagedFileError:  # iqa-train doctor names it; other runs are not held up by it
        return None


def _wanted(spec: RunSpec) -> list[str]:
    """The other sets that a run is to be tested on: SPAQ that is on by default, only where it is found."""
    return [
        name
        for name in spec.settings.across
        if name != SPAQ
        or SPAQ in spec.settings.cross_datasets
        or folder_of(name, "", spec.cross_sources.get(name, DataSource())).is_dir()
    ]
