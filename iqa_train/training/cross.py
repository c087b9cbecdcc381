"""Testing a finished round on another data set than it was trained on."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from iqa_train.datasets.catalogue import folder_of, load_table
from iqa_train.datasets.crops import test_crops
from iqa_train.datasets.pixels import PixelStore, open_store, require_room
from iqa_train.datasets.table import ImageTable
from iqa_train.results.metrics import krcc, plcc, srcc
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import DataSource
from iqa_train.training.checkpoint import load_checkpoint
from iqa_train.training.evaluate import predict
from iqa_train.training.journal import Journal
from iqa_train.training.round import Trainer

_SPAQ = "spaq"


CrossSet = tuple[ImageTable, PixelStore]


def cross_set(settings: TrainingConfig, sources: Mapping[str, DataSource], journal: Journal) -> CrossSet | None:
    """SPAQ, where the settings ask for it and it is there; looked at before training, so nothing fails after it."""
    if not settings.spaq or settings.dataset == _SPAQ:
        return None
    source = sources.get(_SPAQ, DataSource())
    folder = folder_of(_SPAQ, "", source)
    if not folder.is_dir():
        journal.say(f"note: spaq is on, but there is no {folder} to test on; put SPAQ there or use --no_spaq")
        return None
    table = load_table(_SPAQ, source)
    store = open_store(
        table, resize=settings.resize, cache_dir=settings.cache_dir, workers=settings.workers,
        progress=lambda done, total: journal.progress("pixels of spaq", 0, done, total, "images"),
    )  # fmt: skip
    require_room(table, store, settings.patch_size)
    return table, store


def test_across(trainer: Trainer, found: CrossSet | None, journal: Journal) -> dict[str, Any]:
    """Test the selected epoch on another set; predictions are kept like test's.

    Returns measures by data set. Scales differ between sets, so that only correlations are given.
    """
    if found is None:
        return {}
    table, store = found
    settings = trainer.round.settings
    best = load_checkpoint(trainer.round.files.best, owner=trainer.round.owner)
    trainer.network.load_state_dict(best.under("network."))
    everything = np.arange(len(table), dtype=np.int64)
    plan = test_crops(
        store.pictures(everything), seed=settings.seed, per_image=settings.test_patch_num, side=settings.patch_size,
        random=settings.test_random_crop,
    )  # fmt: skip
    predicted = predict(
        trainer.forward, store, plan, side=settings.patch_size, device=trainer.round.device, workers=settings.workers,
        tick=lambda done: journal.progress("test on spaq", 0, done, len(plan)),
    )  # fmt: skip
    write_predictions(trainer.round.files.predictions(_SPAQ), Predictions(table.images, table.scores, predicted))
    torch.cuda.empty_cache()
    measures = {"srcc": srcc, "krcc": krcc, "plcc": plcc}
    values = {name: measure(predicted, table.scores) for name, measure in measures.items()}
    journal.say(f"SPAQ test SRCC {values['srcc']:f}, PLCC {values['plcc']:f}")
    return {_SPAQ: {k: None if math.isnan(v) else v for k, v in values.items()} | {"images": len(table)}}
