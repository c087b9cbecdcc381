"""For a training script that iqa-train runs as `[command]`: its settings, its epochs, its predictions, when to stop.

    from iqa_train import client

    options = client.settings(lr=1e-4, epochs=10)   # by hand: these; under iqa-train: those of the study file
    for epoch in range(1, options["epochs"] + 1):
        ...
        client.epoch(epoch, loss=loss, val_srcc=val_srcc)
        if client.stop_requested():
            save_checkpoint()
            raise SystemExit(client.STOPPED)
    client.predictions("test", names, scores)

Run by hand, without iqa-train, every function does nothing that could do harm: epochs are printed, predictions go to
a file in the working folder, and `stop_requested` is false. This file needs nothing but Python (3.9 or later): where
iqa-train is not installed in the script's own environment, copy it beside the script.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STOPPED = 75
"""An exit code for a script that was asked to stop and has saved what it needs to continue (EX_TEMPFAIL)."""

_PREFIX = "IQA_TRAIN_"


def _variable(name: str) -> str:
    return os.environ.get(_PREFIX + name, "")


def under_iqa_train() -> bool:
    """Whether iqa-train runs this script."""
    return bool(_variable("SETTINGS"))


def settings(**defaults: Any) -> dict[str, Any]:  # noqa: ANN401 (as JSON has them)
    """Parameters of the study file and settings of the run, by name; `defaults` where they have none, or by hand."""
    if not under_iqa_train():
        return dict(defaults)
    with Path(_variable("SETTINGS")).open(encoding="utf-8") as file:
        return {**defaults, **json.load(file)}


def run_dir() -> str:
    """The folder for whatever the script writes: checkpoints, predictions; by hand, the working folder."""
    return _variable("RUN_DIR") or str(Path.cwd())


def resumed() -> bool:
    """Whether an interrupted run is to be continued: from a checkpoint that is in `run_dir()`."""
    return _variable("RESUME") == "1"


def images() -> list[tuple[str, float, str]]:
    """(path, score, split) of every image, with split "train", "val" or "test"; higher scores are better.

    None by hand. The names for `predictions` may be these paths.
    """
    if not _variable("SPLIT"):
        return []
    with Path(_variable("SPLIT")).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    folder = Path(_variable("IMAGES"))
    return [(str(folder / row["image"]), float(row["score"]), row["split"]) for row in rows]


def epoch(
    number: int,
    *,
    loss: float | None = None,
    srcc: float | None = None,
    plcc: float | None = None,
    val_srcc: float | None = None,
    val_plcc: float | None = None,
    train_srcc: float | None = None,
    lr: float | None = None,
    seconds: float | None = None,
) -> None:
    """Report that epoch `number` is done. `srcc` and `plcc` are those on the test images."""
    given = {
        "epoch": number, "loss": loss, "srcc": srcc, "plcc": plcc, "val_srcc": val_srcc, "val_plcc": val_plcc,
        "train_srcc": train_srcc, "lr": lr, "seconds": seconds,
    }  # fmt: skip
    known = {name: _number(value) for name, value in given.items() if value is not None}
    if not _variable("EVENTS"):
        print(" ".join(f"{name} {value}" for name, value in known.items()), flush=True)
        return
    line = (json.dumps({"event": "epoch", **known}) + "\n").encode()
    descriptor = os.open(_variable("EVENTS"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def predictions(split: str, names: Iterable[str], values: Iterable[Any]) -> str:
    """Write the predicted score of each image of a split, "test" or "val"; returns the file's path.

    `values` may be numbers, a NumPy array or a tensor on the CPU. An earlier file is replaced whole, or not at all.
    Raises ValueError for another split, or for more names than values or fewer.
    """
    if split not in ("test", "val"):
        raise ValueError(f'predictions are on "test" or "val", not on {split!r}')
    images, scores = [str(name) for name in names], [float(value) for value in values]
    if len(images) != len(scores):
        raise ValueError(f"{len(images)} names, but {len(scores)} values")
    path = Path(_variable(f"PREDICTIONS_{split.upper()}") or Path(run_dir(), f"predictions-{split}.csv"))
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", "prediction"))
        writer.writerows((image, repr(score)) for image, score in zip(images, scores))  # noqa: B905 (Python 3.9)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return str(path)


def stop_requested() -> bool:
    """Whether the run is to stop: save a checkpoint and exit with `STOPPED` then; after a minute it is killed."""
    stop = _variable("STOP")
    return bool(stop) and Path(stop).exists()


def _number(value: float) -> float | None:
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number == int(number) and not isinstance(value, float) else number
