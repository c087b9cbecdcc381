"""Tries a loss of a user's own: `python -m iqa_train.training.try_loss_worker`, its request on standard input.

    {"settings": {...}, "code": FOLDER, "score_range": [LOWEST, HIGHEST]}

Its events are those of `serve_trial.py`.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.compute_device import choose_device
from iqa_train.training.loss_probe import loss_faults
from iqa_train.training.own_loss import import_loss
from iqa_train.training.serve_trial import Emit, serve


def main() -> None:
    """Try the loss that standard input names."""
    serve(_try, failed="loss-fails")


def _try(request: dict[str, Any], emit: Emit) -> None:
    settings = TrainingConfig.model_validate_json(json.dumps(request["settings"]))
    low, high = request["score_range"]
    choose_device(settings.model_copy(update={"precision": "fp32"}))
    emit("doing", what="being imported")
    loss = import_loss(settings, Path(request["code"]))
    assert loss is not None
    emit("doing", what="computing the loss of a batch")
    for fault in loss_faults(loss, (low, high), settings.batch_size):
        emit("fault", **asdict(fault))


if __name__ == "__main__":
    main()
