"""Stores imported predictions on another data set than the study's beside those that an external run has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, RunError, UsageError
from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.runs.external_run import NEW, REPLACED, THERE
from iqa_train.runs.import_folder import alone
from iqa_train.runs.layout import RunFolder, run_folders
from iqa_train.runs.predictions import Predictions, read_predictions, write_predictions
from iqa_train.runs.project import data_record
from iqa_train.stats.metrics import measure
from iqa_train.study.spec import RunSpec


@dataclass(frozen=True)
class ExternalTest:
    """Predictions of all images of a data set, `facts` as in provenance.json."""

    table: ImageTable
    predictions: Predictions
    facts: Mapping[str, Any]


def external_run_of(spec: RunSpec, runs_dir: Path) -> RunFolder:
    """The imported run of an experiment, the one of its first seed. Raises UsageError where there is none."""
    there = [run for run in run_folders(runs_dir, spec.study) if run.experiment == spec.experiment and run.attempts()]
    for run in there:
        if run.config_hash == spec.config_hash:
            return run
    raise UsageError(
        f"{spec.experiment} has no predictions of {spec.settings.dataset} yet, on whose test images {spec.study} "
        "compares; import those first"
    )


def store_external_test(run: RunFolder, new: ExternalTest, *, again: bool = False) -> str:
    """Write the predictions beside the run's own; returns imported, replaced or unchanged.

    Raises UsageError for other predictions on the set without `again`, and RunError for a folder that cannot be
    written.
    """
    files, name, runs_dir = run.round(1, 1), new.table.name, run.path.parents[2]
    path = files.predictions(name)
    try:
        with alone(runs_dir):
            there = path.exists()
            if there and files.tested(name).exists() and _same(path, new.predictions):
                return THERE
            if there and not again and not _same(path, new.predictions):
                raise UsageError(f"{run.experiment} has other predictions on {name} already; --again replaces them")
            write_predictions(path, new.predictions)
            write_json(files.tested(name), _tested(run, new))
            return REPLACED if there else NEW
    except OSError as error:
        raise RunError(f"{error.filename or path} cannot be written: {error.strerror}; nothing is imported") from None


def _tested(run: RunFolder, new: ExternalTest) -> dict[str, Any]:
    values = measure(new.predictions.predictions, new.predictions.scores)
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": new.table.name,
        "seed": run.seed,
        **{key: values[key] for key in ("srcc", "krcc", "plcc")},
        "images": len(new.predictions.images),
        "data": data_record(new.table.root, run.path.absolute().parents[2]),
        "external": dict(new.facts),
    }


def _same(path: Path, new: Predictions) -> bool:
    try:
        old = read_predictions(path)
    except DataError:
        return False
    return old.images == new.images and np.array_equal(old.predictions, new.predictions)
