"""Stores imported predictions in the runs folder as a finished run, so that they are compared like any other."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iqa_train.datasets.splits import fingerprint
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError, RunError, UsageError
from iqa_train.files import SCHEMA_VERSION, sync_folder, write_json
from iqa_train.redaction import public_command
from iqa_train.runs.documents import ExternalFacts, read_provenance
from iqa_train.runs.import_folder import alone, scratch_folder
from iqa_train.runs.layout import Attempt, RunFolder, run_folder
from iqa_train.runs.outcome import OK
from iqa_train.runs.predictions import Predictions, read_predictions, write_predictions
from iqa_train.runs.project import data_record
from iqa_train.runs.result_document import image_counts
from iqa_train.runs.specfile import spec_document
from iqa_train.runs.state_names import COMPLETED
from iqa_train.stats.metrics import measure
from iqa_train.study.spec import RunSpec

_TELLING = ("sha256", "trained_on", "lower_is_better")

NEW, REPLACED, RENAMED, THERE = "imported", "replaced", "updated", "unchanged"


@dataclass(frozen=True)
class External:
    """Predictions to store: `predictions` are those of the test images of `split`, `facts` what is known of them."""

    spec: RunSpec
    table: ImageTable
    split: Split
    predictions: Predictions
    facts: ExternalFacts
    command: Sequence[str] = ()


def store_external(new: External, runs_dir: Path, *, again: bool = False) -> tuple[RunFolder, str]:
    """Write the run, completely or not at all; returns it and imported, replaced, updated or unchanged.

    Where it is there with the same predictions, they may come from another file, or their model be said to be trained
    on something else (updated). With `again`, other predictions replace those there, which are kept in the folder of
    their attempt. Raises UsageError for other predictions without `again`, and RunError for a folder that cannot be
    written.
    """
    try:
        with alone(runs_dir):
            return _stored(new, runs_dir, again=again)
    except OSError as error:
        place = error.filename or runs_dir
        raise RunError(f"{place} cannot be written: {error.strerror}; nothing is imported") from None


def _stored(new: External, runs_dir: Path, *, again: bool) -> tuple[RunFolder, str]:
    run = run_folder(runs_dir, new.spec)
    if not run.attempts():
        _write_new(run, new)
        return run, NEW
    if _holds_the_same(run, new.predictions):
        before, after = _facts_of(run), dict(new.facts)
        if all(before.get(name) == after.get(name) for name in _TELLING) and run.result.exists():
            return run, THERE
        _write_top(run, new)
        return run, RENAMED
    if not again:
        there = _facts_of(run)
        raise UsageError(
            f"{new.spec.experiment} ({run.seed_words}) has other predictions already, from "
            f"{there.get('file', 'another file')} (sha256 {there.get('sha256', '')[:12]}); --again replaces them, "
            "or give another --exp"
        )
    _keep(run)
    attempt = run.next_attempt()
    with scratch_folder(run.path) as scratch:
        _write_attempt(Attempt(scratch), new)
        scratch.rename(attempt.folder)
    _write_top(run, new)
    return run, REPLACED


def _write_new(run: RunFolder, new: External) -> None:
    """Write the complete folder under another name, then rename it."""
    run.path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(run.path.parent) as scratch:
        made = RunFolder(scratch)
        attempt = made.next_attempt()
        attempt.folder.mkdir()
        _write_attempt(attempt, new)
        _write_top(made, new)
        scratch.rename(run.path)
    sync_folder(run.path.parent)


def _write_attempt(attempt: Attempt, new: External) -> None:
    write_json(
        attempt.runner,
        {
            "schema_version": SCHEMA_VERSION,
            "command": public_command(list(new.command)),
            "started": new.facts.get("imported", ""),
            "resumed": False,
            "imported": True,
        },
    )
    write_json(
        attempt.exit,
        {
            "schema_version": SCHEMA_VERSION,
            "state": COMPLETED,
            "reason": "",
            "exit_code": OK,
            "signal": None,
            "requested": False,
            "ended": new.facts.get("imported", ""),
            "seconds": 0.0,
        },
    )


def _write_top(run: RunFolder, new: External) -> None:
    """Provenance comes last: after a kill in between, the next import writes all of it again."""
    write_predictions(run.round(1, 1).predictions("test"), new.predictions)
    write_json(run.result, _result(new))
    write_json(run.spec, spec_document(new.spec))
    write_json(run.provenance, _provenance(run, new))


def _result(new: External) -> dict[str, Any]:
    """result.json. Predictions on a scale of their own have no RMSE before a fit."""
    test = measure(new.predictions.predictions, new.predictions.scores) | {"rmse": None}
    return {
        "schema_version": SCHEMA_VERSION,
        "imported": True,
        "study": new.spec.study,
        "experiment": new.spec.experiment,
        "seed": new.spec.seed,
        "config_hash": new.spec.config_hash,
        "dataset": new.spec.settings.dataset,
        "images": image_counts(new.split),
        **test,
        "stopped_early": False,
        "rounds": [{"round": 1, "seed": new.spec.seed, "test": test}],
    }


def _provenance(run: RunFolder, new: External) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "external": dict(new.facts),
        "data": {
            "name": new.table.name,
            **data_record(new.table.root, run.path.absolute().parents[2]),
            "images": image_counts(new.split),
            "fingerprint": fingerprint(new.table, new.split),
        },
    }


def _holds_the_same(run: RunFolder, new: Predictions) -> bool:
    try:
        old = read_predictions(run.round(1, 1).predictions("test"))
    except DataError:
        return False
    return old.images == new.images and all(
        np.array_equal(a, b) for a, b in ((old.scores, new.scores), (old.predictions, new.predictions))
    )


def _facts_of(run: RunFolder) -> Mapping[str, Any]:
    """What is known of the predictions there; empty where the file is missing or damaged."""
    try:
        return (read_provenance(run.provenance) or {}).get("external", {})
    except (RunError, OSError):
        return {}


def _keep(run: RunFolder) -> None:
    """Copy predictions and what belongs to them into the last attempt's folder: nothing is ever overwritten."""
    aside = run.attempts()[-1].folder
    for path in [*(path for path in run.outcome() if path.is_file()), run.provenance]:
        if path.exists():
            shutil.copy2(path, aside / path.name)
