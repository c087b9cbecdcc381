"""The project of a run, and the data that it was trained on: several projects may share a runs folder.

What a run's folder is named by says nothing of where the data lies, so that one result holds wherever the same data is;
hence two projects that give a study, an experiment and a data set the same names meet in one folder.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.errors import DataError, RunError
from iqa_train.regular import real_path
from iqa_train.runs.attempt_facts import read_runner_info
from iqa_train.runs.documents import read_provenance
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.project import data_root, project_of

if TYPE_CHECKING:  # a scheduler stays small without them
    from iqa_train.datasets.table import ImageTable
    from iqa_train.study.spec import RunSpec


def project_that_ran(run: RunFolder) -> Path | None:
    """The project of the run's last attempt; None without one."""
    attempts = run.attempts()
    facts = read_runner_info(attempts[-1]) if attempts else {}
    if "cwd" not in facts:
        return None
    return project_of(facts["cwd"], run.path.absolute().parents[2], early="environment" not in facts)


def data_folder(spec: "RunSpec", project: Path) -> Path:
    """Where the data of `spec` lies for a project."""
    from iqa_train.datasets.catalogue import folder_of

    return real_path(project / folder_of(spec.settings.dataset, spec.settings.data_dir, spec.source))


def trained_on(run: RunFolder) -> tuple[Path | None, str | None]:
    """Folder and fingerprint of the data that the run has been trained on, as far as they are recorded."""
    try:
        return _trained_on(run, run.provenance.stat().st_mtime_ns)
    except (OSError, RunError):
        return None, None


@lru_cache(maxsize=4096)
def _trained_on(run: RunFolder, _changed: int) -> tuple[Path | None, str | None]:
    found = (read_provenance(run.provenance) or {}).get("data", {})
    return data_root(found, run.path.absolute().parents[2]), found.get("fingerprint")


def other_data(spec: "RunSpec", run: RunFolder) -> str:
    """On which data the run was trained, in words, if that is not what `spec` means here; "" if it is.

    Where that cannot be known, it is taken to be the same: nothing recorded, or no data here to compare with.
    """
    root, digits = trained_on(run)
    here = data_folder(spec, Path.cwd())
    if root is None or digits is None or real_path(root).is_relative_to(here) or not here.is_dir():
        return ""
    try:
        table, now = data_now(spec, here)
    except DataError:
        return ""
    if digits == now and same_pictures(table, root):
        return ""
    return f"it was trained on the data in {root} ({digits}), and the data here is that in {here} ({now})"


def data_now(spec: "RunSpec", folder: Path) -> "tuple[ImageTable, str]":
    """The table of the data of `spec` in `folder`, and its fingerprint. Raises DataError."""
    key = (spec.source.model_dump_json(), spec.settings.dataset, spec.settings.seed)
    return _data_now(key, folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _data_now(key: tuple[str, str, int], folder: Path, _changed: int) -> "tuple[ImageTable, str]":
    from iqa_train.datasets.catalogue import read_table
    from iqa_train.datasets.splits import fingerprint, split_table
    from iqa_train.study.spec import DataSource

    source, dataset, seed = key
    table = read_table(dataset, DataSource.model_validate_json(source), str(folder))
    return table, fingerprint(table, split_table(table, seed))


def same_pictures(table: "ImageTable", root: Path) -> bool:
    """Whether the pictures in `root`, as far as it is still there, have the sizes of the table's, byte for byte."""
    return not root.is_dir() or all(_size(table.path(k)) == _size(root / image) for k, image in enumerate(table.images))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
