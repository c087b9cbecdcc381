"""Per-image predictions: the file every statistic is computed from."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import DataError
from iqa_train.files import write_atomic

_COLUMNS = ("image", "score", "prediction")


@dataclass(frozen=True)
class Predictions:
    """Names, opinion scores and predictions of N images; the numbers are float64 (N,), higher is better."""

    images: tuple[str, ...]
    scores: NDArray[np.float64]
    predictions: NDArray[np.float64]


def write_predictions(path: Path, table: Predictions) -> None:
    """Write `image,score,prediction`, numbers with all their digits, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    rows = zip(table.images, table.scores.tolist(), table.predictions.tolist(), strict=True)
    writer.writerows((name, repr(score), repr(prediction)) for name, score, prediction in rows)
    write_atomic(path, text.getvalue().encode())


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote. Raises DataError for a missing or damaged file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != _COLUMNS:
            raise DataError(f"{path} is no predictions file; its first line is {','.join(_COLUMNS)}")
        scores = np.array([float(r[1]) for r in rows[1:]])
        return Predictions(tuple(r[0] for r in rows[1:]), scores, np.array([float(r[2]) for r in rows[1:]]))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the run has not been tested yet") from None
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
