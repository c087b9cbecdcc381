"""Per-image predictions: the file every statistic is computed from; beside it, reference images and opinions."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import DataError, visible
from iqa_train.escape import ESCAPED
from iqa_train.regular import open_regular
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import opinions_beside, references_beside
from iqa_train.stats.opinions import Opinions

_COLUMNS = ("image", "score", "prediction")
_OF_REFERENCES = ("image", "reference")
_OF_OPINIONS = ("image", "sd", "votes")


@dataclass(frozen=True)
class Predictions:
    """Names, opinion scores and predictions of N images; the numbers are float64 (N,), higher is better.

    `references` names the pristine image or scene of each, None where the data set has none. `opinions` are those that
    the scores are means of, None where their spread or number is not known.
    """

    images: tuple[str, ...]
    scores: NDArray[np.float64]
    predictions: NDArray[np.float64]
    references: tuple[str, ...] | None = None
    opinions: Opinions | None = None


def write_predictions(path: Path, table: Predictions, writer: Writer | None = None) -> None:
    """Write `image,score,prediction`, numbers with all their digits, atomically.

    Beside it, `image,reference` and `image,sd,votes` if there are any: earlier versions accept no further columns.
    """
    writer = writer or Writer()
    beside, of_opinions = references_beside(path), opinions_beside(path)
    if table.references is None:
        writer.remove(beside)
    else:
        _write(writer, beside, _OF_REFERENCES, zip(table.images, table.references, strict=True))
    if table.opinions is None:
        writer.remove(of_opinions)
    else:
        numbers = zip(table.images, table.opinions.sd.tolist(), table.opinions.votes.tolist(), strict=True)
        _write(writer, of_opinions, _OF_OPINIONS, ((name, repr(sd), f"{votes:g}") for name, sd, votes in numbers))
    rows = zip(table.images, table.scores.tolist(), table.predictions.tolist(), strict=True)
    _write(writer, path, _COLUMNS, ((name, repr(score), repr(prediction)) for name, score, prediction in rows))


def _write(writer: Writer, path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    writer.write(path, text.getvalue().encode(errors=ESCAPED))


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote. Raises DataError for a missing or damaged file, or images named twice."""
    try:
        rows = _rows(path, _COLUMNS, "predictions")
        images = tuple(name for name, _, _ in rows)
        scores = np.array([float(score) for _, score, _ in rows])
        predictions = np.array([float(prediction) for _, _, prediction in rows])
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the run has not been tested yet") from None
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if len(set(images)) < len(images):
        twice = next(name for k, name in enumerate(images) if name in images[:k])
        raise DataError(f"{path} is damaged: {visible(twice)} is listed twice")
    references = _beside(references_beside(path), _OF_REFERENCES, "references", images)
    opinions = _beside(opinions_beside(path), _OF_OPINIONS, "opinions", images)
    return Predictions(
        images,
        scores,
        predictions,
        None if references is None else tuple(reference for _, reference in references),
        None if opinions is None else _opinions(opinions, opinions_beside(path)),
    )


def _opinions(rows: list[list[str]], path: Path) -> Opinions:
    try:
        return Opinions(np.array([float(sd) for _, sd, _ in rows]), np.array([float(votes) for *_, votes in rows]))
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}") from None


def _beside(path: Path, columns: tuple[str, ...], what: str, images: tuple[str, ...]) -> list[list[str]] | None:
    """The lines of a file beside the predictions, in the order of `images`.

    None where there is no such file: the data set has nothing of the kind, or the run is older than the file.
    """
    try:
        found = {row[0]: row for row in _rows(path, columns, what)}
        return [found[name] for name in images]
    except FileNotFoundError:
        return None
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    except KeyError as error:
        raise DataError(f"{path} is damaged: {visible(error.args[0])} is not in it") from None


def _rows(path: Path, columns: tuple[str, ...], what: str) -> list[list[str]]:
    """The lines below the head. Raises ValueError where one is too short or too long."""
    with os.fdopen(open_regular(path, follow=True), encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    if not rows or tuple(rows[0]) != columns:
        raise DataError(f"{path} is no {what} file; its first line is {','.join(columns)}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            raise ValueError(f"line {number} has {len(row)} of {len(columns)} values")
    return rows[1:]
