"""Checks the data of every run before the first is started."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from iqa_train.datasets.catalogue import READERS, folder_of, load_table, read_table
from iqa_train.datasets.demo.dataset import NAME as DEMO
from iqa_train.datasets.image_files import require_images
from iqa_train.datasets.splits import fingerprint, split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, RunError
from iqa_train.regular import real_path
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.origin import data_folder, data_now, project_that_ran, same_pictures, trained_on
from iqa_train.runs.snapshot import read_snapshot
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import state_of
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.queue import folder_of as folder_of_item
from iqa_train.scheduler.queue import read_queue
from iqa_train.study.settings import SPAQ
from iqa_train.study.spec import DataSource, RunSpec

Bar = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Makes a bar of (label, unit), which gives a function of (done, total) that moves it."""


def require_data(runs: Sequence[tuple[RunSpec, RunFolder]], bar: Bar, *, again: bool) -> None:
    """Read every data set's table once, so that a missing image is reported before anything is started or written.

    `bar` shows how far the making of a built-in set is.
    Raises DataError; also for a run that is finished, begun or queued with other data, whose result would pass for this
    one's, and even with `again` where it belongs to another project.
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
        require_own(spec, run, tables[key], now)
        if not again:
            _require_same_data(spec, run, tables[key], now)
    for name, source in others.items():
        with bar(f"making the {name} set", "images") as progress:
            load_table(name, source, "", progress)


def _require_same_data(spec: RunSpec, run: RunFolder, table: ImageTable, now: str) -> None:
    """Raise DataError for a run that has a result or a checkpoint of other data than there is now."""
    root, then = trained_on(run)
    state = state_of(read_snapshot(run))
    if then in {None, now} or not (state.finished or state.alive or run.outcome()):
        return
    how = "is complete" if state.finished else f"is {state.name}" if state.alive else "has begun"
    raise DataError(
        f"{spec.experiment} {how} in {run.path}, but with other images, scores or split than {table.root} has now "
        f"(data in {root}: {then}; now: {now}); --again runs it from scratch and keeps the old result"
    )


def require_own(spec: RunSpec, run: RunFolder, table: ImageTable, now: str) -> None:
    """Raise DataError for a run of the same name that another project has queued or made, with other data."""
    runs_dir = run.path.parents[2]
    project = _project_that_queued(run, runs_dir) or project_that_ran(run)
    if project is None or real_path(project) == real_path(Path.cwd()):
        return
    try:
        theirs = read_spec(run)
        folder = data_folder(theirs, project)
        ours = data_folder(spec, Path.cwd())
        if folder == ours or not folder.is_dir():
            return
        _, then = data_now(theirs, folder)
    except (RunError, DataError):
        return
    if then == now and same_pictures(table, folder):
        return
    raise DataError(
        f"{spec.experiment} in {run.path} belongs to the project in {project}, whose {theirs.settings.dataset} is "
        f"another ({folder}, {then}) than the one here ({ours}, {now}); give this study another name or another "
        "--runs-dir"
    )


def _project_that_queued(run: RunFolder, runs_dir: Path) -> Path | None:
    """Of the run's item, unless it is settled: what ran last counts then."""
    with contextlib.suppress(RunError, OSError):  # a run that is not to be queued needs no queue
        for item in read_queue(runs_dir).items:
            if folder_of_item(item, runs_dir).path == run.path and item_status(item, runs_dir).phase != "settled":
                return item.project(runs_dir)
    return None


def require_known(specs: Iterable[RunSpec]) -> None:
    """Raise DataError, with the nearest names, for a data set of a run that is neither known nor declared."""
    for spec in specs:
        sets = [(spec.settings.dataset, spec.settings.data_dir, spec.source)]
        sets += [(name, "", spec.cross_sources.get(name, DataSource())) for name in _wanted(spec)]
        for name, folder, source in sets:
            if not source.csv and name not in READERS:
                read_table(name, source, folder)  # which says what is wrong with the name


def data_problems(runs: Sequence[tuple[RunSpec, RunFolder]]) -> list[str]:
    """Why the runs could not start with the data that are here now, a sentence each; nothing is made or written."""
    sets = {(spec.settings.dataset, spec.settings.data_dir, spec.source) for spec, _ in runs}
    sets |= {(name, "", spec.cross_sources.get(name, DataSource())) for spec, _ in runs for name in _wanted(spec)}
    found = []
    for name, data_dir, source in sorted(sets, key=lambda key: key[:2]):
        if name == DEMO and not source.csv and not folder_of(name, data_dir, source).exists():
            continue  # it is made at the start
        try:
            require_images(read_table(name, source, data_dir))
        except DataError as error:
            found.append(str(error))
    return found


def _wanted(spec: RunSpec) -> list[str]:
    """The other sets that a run is to be tested on: SPAQ that is on by default, only where it is found."""
    return [
        name
        for name in spec.settings.across
        if name != SPAQ
        or SPAQ in spec.settings.cross_datasets
        or folder_of(name, "", spec.cross_sources.get(name, DataSource())).is_dir()
    ]
