"""Testing a finished run on other data sets than its own: after training or any time later, to the same bytes.

Each round's selected network scores every image of the other set, on crops chosen as the run's own test crops are.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from iqa_train.datasets.catalogue import folder_of, load_table
from iqa_train.datasets.images.crops import eval_crops
from iqa_train.datasets.images.pixel_store import PixelStore, open_store, require_room
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import RunError
from iqa_train.escape import name_bytes
from iqa_train.files import SCHEMA_VERSION, write_json
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.runs.project import data_record
from iqa_train.stats.metrics import krcc, plcc, srcc
from iqa_train.study.settings import SPAQ, TrainingConfig
from iqa_train.study.spec import DataSource, RunSpec
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import predict
from iqa_train.training.journal import ProgressReporter, Waiting
from iqa_train.training.selected_network import finished_network


@dataclass(frozen=True)
class CrossSet:
    """A data set to be tested on, every image decoded."""

    name: str
    table: ImageTable
    store: PixelStore


def cross_sets(
    settings: TrainingConfig, sources: Mapping[str, DataSource], journal: ProgressReporter
) -> list[CrossSet]:
    """The sets that the settings ask for, looked at before training, so that nothing of theirs fails after it.

    SPAQ that is asked for by `spaq` alone may be missing, which is noted. Raises DataError for any other.
    """
    found = []
    for name in settings.across:
        source = sources.get(name, DataSource())
        folder = folder_of(name, "", source)
        if name == SPAQ and SPAQ not in settings.cross_datasets and not folder.is_dir():
            journal.say(f"note: spaq is on, but there is no {folder} to test on; put SPAQ there or use --no_spaq")
            continue
        found.append(open_cross_set(name, source, settings, journal))
    return found


def open_cross_set(name: str, source: DataSource, settings: TrainingConfig, teller: ProgressReporter) -> CrossSet:
    """The set `name` with its pixels, stored at the size that `resize` says, which by custom is the set's own."""
    table = load_table(name, source)
    store = open_store(
        table, resize=settings.resize, cache_dir=settings.cache_dir, workers=settings.workers,
        progress=lambda done, total: teller.progress(f"pixels of {name}", 0, done, total, "images"),
        waiting=Waiting(teller, name),
    )  # fmt: skip
    require_room(table, store, settings.patch_size)
    return CrossSet(name, table, store)


def evaluate_all_rounds(
    run: RunFolder, spec: RunSpec, found: CrossSet, device: ComputeDevice, teller: ProgressReporter
) -> list[dict[str, Any]]:
    """Test every round of a finished run on a set; predictions are kept like test's. Returns measures by round.

    Scales differ between sets, so that only correlations are given. Raises WeightsError for a checkpoint that cannot be
    used, RunError for predictions that are no numbers, OSError for a disk that is full.
    """
    rounds = range(1, spec.settings.train_test_num + 1)
    return [_test_round(run, spec, number, found, device, teller) for number in rounds]


def _test_round(
    run: RunFolder, spec: RunSpec, number: int, found: CrossSet, device: ComputeDevice, teller: ProgressReporter
) -> dict[str, Any]:
    finished, table = finished_network(run, spec, number, device), found.table
    settings = finished.settings
    plan = eval_crops(
        found.store.pictures(np.arange(len(table), dtype=np.int64)), seed=settings.seed,
        per_image=settings.test_patch_num, side=settings.patch_size, random=settings.test_random_crop,
    )  # fmt: skip
    predicted = predict(
        finished.network, found.store, plan, side=settings.patch_size, device=device, workers=settings.workers,
        tick=lambda done: teller.progress(f"test on {found.name}", 0, done, len(plan)),
    )  # fmt: skip
    if device.torch.type == "cuda":
        torch.cuda.empty_cache()
    if not np.isfinite(predicted).all():
        raise RunError(f"a prediction on {found.name} is no number")
    measures = {"srcc": srcc, "krcc": krcc, "plcc": plcc}
    values = {name: measure(predicted, table.scores) for name, measure in measures.items()}
    known = {k: None if math.isnan(v) else v for k, v in values.items()} | {"images": len(table)}
    files = run.round(number, spec.settings.train_test_num)
    write_predictions(
        files.predictions(found.name), Predictions(table.images, table.scores, predicted, table.references)
    )
    write_json(
        files.tested(found.name),
        {
            "schema_version": SCHEMA_VERSION,
            "dataset": found.name,
            "seed": settings.seed,
            "epoch": finished.epoch,
            **known,
            "data": data_record(table.root, run.path.absolute().parents[2])
            | {"fingerprint": _fingerprint(table), "resize": table.resize},
            "device": device.name,
            "torch": torch.__version__,
        },
    )
    teller.say(f"{found.name.upper()} test SRCC {values['srcc']:f}, PLCC {values['plcc']:f}")
    return known


def _fingerprint(table: ImageTable) -> str:
    """Sixteen hex digits of names and scores."""
    digest = hashlib.sha256(name_bytes("\n".join(table.images)))
    digest.update(table.scores.tobytes())
    return digest.hexdigest()[:16]
