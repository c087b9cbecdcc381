"""Tests a trained run on other data sets than its own. After training or at any later time the results are the same.

Each round's selected network scores every image of the other set, on crops chosen like those of the run's test images.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from iqa_train.datasets.catalogue import folder_of, load_table
from iqa_train.datasets.images.pixel_store import PixelStore, open_store, require_room
from iqa_train.datasets.table import ImageTable
from iqa_train.escape import name_bytes
from iqa_train.files import SCHEMA_VERSION
from iqa_train.runs.fence import Writer
from iqa_train.runs.journal import ProgressReporter, WaitNotice
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.runs.project import data_record
from iqa_train.stats.metrics import measure
from iqa_train.study.settings import SPAQ, TrainingConfig
from iqa_train.study.spec import DataSource, RunSpec
from iqa_train.training import run_log
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import score_images
from iqa_train.training.selected_network import load_selected_network


@dataclass(frozen=True)
class CrossSet:
    """A data set to test on, its images decoded."""

    name: str
    table: ImageTable
    store: PixelStore


def open_cross_sets(
    settings: TrainingConfig, sources: Mapping[str, DataSource], reporter: ProgressReporter
) -> list[CrossSet]:
    """The sets to test on after training. They are opened before it, so that a missing one is reported at once.

    SPAQ may be missing if only `spaq` selects it; a note says so. Raises DataError for any other.
    """
    opened = []
    for name in settings.across:
        source = sources.get(name, DataSource())
        folder = folder_of(name, "", source)
        if name == SPAQ and SPAQ not in settings.cross_datasets and not folder.is_dir():
            reporter.say(f"note: spaq is on, but there is no {folder} to test on; put SPAQ there or use --no_spaq")
            continue
        opened.append(open_cross_set(name, source, settings, reporter))
    return opened


def open_cross_set(name: str, source: DataSource, settings: TrainingConfig, reporter: ProgressReporter) -> CrossSet:
    """The set `name`, its images stored at the size that `resize` gives (auto: this set's usual size)."""
    table = load_table(name, source)
    store = open_store(
        table, resize=settings.resize, cache_dir=settings.cache_dir, workers=settings.workers,
        progress=lambda done, total: reporter.progress(f"pixels of {name}", 0, done, total, "images"),
        waiting=WaitNotice(reporter, name),
    )  # fmt: skip
    require_room(table, store, settings.patch_size)
    return CrossSet(name, table, store)


def evaluate_all_rounds(
    run: RunFolder,
    spec: RunSpec,
    cross_set: CrossSet,
    device: ComputeDevice,
    reporter: ProgressReporter,
    writer: Writer,
) -> list[dict[str, Any]]:
    """Test every round of a trained run on a set and write its predictions; returns the measures by round.

    They are correlations only, since scales differ between data sets. Raises WeightsError for an unusable checkpoint,
    NonFiniteScoreError, and OSError for a full disk.
    """
    rounds = range(1, spec.settings.train_test_num + 1)
    return [_evaluate_round(run, spec, number, cross_set, device, reporter, writer) for number in rounds]


def _evaluate_round(
    run: RunFolder,
    spec: RunSpec,
    number: int,
    cross_set: CrossSet,
    device: ComputeDevice,
    reporter: ProgressReporter,
    writer: Writer,
) -> dict[str, Any]:
    selected, table, name = load_selected_network(run, spec, number, device), cross_set.table, cross_set.name
    predictions = score_images(
        selected.network, cross_set.store, cross_set.store.pictures(np.arange(len(table), dtype=np.int64)),
        selected.settings, device, normalisation=selected.normalisation,
        tick=lambda done, total: reporter.progress(f"test on {name}", 0, done, total),
    )  # fmt: skip
    if device.torch.type == "cuda":
        torch.cuda.empty_cache()
    values = measure(predictions, table.scores)
    measures = {key: values[key] for key in ("srcc", "krcc", "plcc")} | {"images": len(table)}
    files = run.round(number, spec.settings.train_test_num)
    tested = Predictions(table.images, table.scores, predictions, table.references, table.opinions)
    write_predictions(files.predictions(name), tested, writer)
    writer.write_json(
        files.tested(name),
        {
            "schema_version": SCHEMA_VERSION,
            "dataset": name,
            "seed": selected.settings.seed,
            "epoch": selected.epoch,
            **measures,
            "data": data_record(table.root, run.path.absolute().parents[2])
            | {"fingerprint": _fingerprint(table), "resize": table.resize},
            "device": device.name,
            "torch": torch.__version__,
        },
    )
    reporter.say(run_log.cross_test(name, values))
    return measures


def _fingerprint(table: ImageTable) -> str:
    """Sixteen hex digits of names and scores."""
    digest = hashlib.sha256(name_bytes("\n".join(table.images)))
    digest.update(table.scores.tobytes())
    return digest.hexdigest()[:16]
