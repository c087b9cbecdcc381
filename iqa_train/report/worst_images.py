"""The test images with the largest errors of one experiment, with small pictures where the data set is there."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from iqa_train.datasets.catalogue import folder_of, read_table
from iqa_train.errors import DataError
from iqa_train.results.paired_predictions import by_image
from iqa_train.results.run_record import RunRecord
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.logistic import fit_logistic
from iqa_train.study.spec import DataSource

MOST = 8
_SIDE = 160  # pixels of the longer side of a picture
_QUALITY = 72


@dataclass(frozen=True)
class WorstImage:
    """An image: score, prediction, and its error; `others` is the mean error of the other experiments.

    `picture` is a small JPEG file, empty where there is none.
    """

    name: str
    score: float
    prediction: float
    error: float
    others: float | None = None
    picture: bytes = b""


@dataclass(frozen=True)
class WorstImages:
    """The images with the largest errors of an experiment; `fitted`: predictions are mapped to scores first."""

    experiment: str
    fitted: bool
    images: tuple[WorstImage, ...]


def worst_images(
    run: RunRecord | None, predictions: Mapping[str, Predictions], *, dataset: str = "", pictures: bool = True
) -> WorstImages | None:
    """Those of the experiment of `run`, from the first seed of each experiment; None without its predictions.

    `dataset` is the set that the images are of, if it is not the one that the run was trained on.
    """
    if run is None or run.experiment not in predictions:
        return None
    own, fitted = _mapped(predictions[run.experiment])
    others = [_errors(table) for name, table in predictions.items() if name != run.experiment]
    errors = own.predictions - own.scores
    worst = np.argsort(-np.abs(errors), kind="stable")[:MOST]
    root = _folder(run, dataset) if pictures else None
    found = []
    for k in worst.tolist():
        name = own.images[k]
        elsewhere = [table[name] for table in others if name in table]
        found.append(
            WorstImage(
                name,
                float(own.scores[k]),
                float(own.predictions[k]),
                float(errors[k]),
                float(np.mean(elsewhere)) if elsewhere else None,
                b"" if root is None else _picture(root / name),
            )
        )
    return WorstImages(run.experiment, fitted, tuple(found))


def _mapped(table: Predictions) -> tuple[Predictions, bool]:
    """The table by image, its predictions after the logistic fit if there is one."""
    table = by_image(table)
    mapped = fit_logistic(table.predictions, table.scores).mapped
    if mapped is None:
        return table, False
    return Predictions(table.images, table.scores, mapped), True


def _errors(table: Predictions) -> dict[str, float]:
    mapped, _ = _mapped(table)
    return dict(zip(mapped.images, (mapped.predictions - mapped.scores).tolist(), strict=True))


def _folder(run: RunRecord, dataset: str) -> Path | None:
    """Where the images lie; None where they cannot be found."""
    settings = run.spec.get("settings", {})
    name = dataset or str(settings.get("dataset", ""))
    given = run.spec.get("cross_sources", {}).get(dataset, {}) if dataset else run.spec.get("source", {})
    data_dir = "" if dataset else str(settings.get("data_dir", ""))
    try:
        source = DataSource.model_validate(given)
        return read_table(name, source, data_dir).root if folder_of(name, data_dir, source).is_dir() else None
    except (DataError, ValidationError, OSError):
        return None


def _picture(path: Path) -> bytes:
    """A small JPEG of the image file; empty where it cannot be decoded."""
    from iqa_train.datasets.images.decode import decode

    try:
        picture = decode(path)
    except (DataError, OSError):
        return b""
    picture.thumbnail((_SIDE, _SIDE))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
