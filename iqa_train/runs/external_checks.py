"""Checks predictions that are to be imported against a data set: their split, their scores, and which end is better."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iqa_train.datasets.match_names import match_names
from iqa_train.datasets.outside_predictions import OutsidePredictions
from iqa_train.datasets.splits import split_origin, split_table
from iqa_train.datasets.table import SPLITS, ImageTable, Split
from iqa_train.errors import DataError, visible
from iqa_train.stats.metrics import plcc, srcc

STRONG = 0.3
"""Size of a negative SRCC from which on it is asked whether lower is better."""
SAME = 0.98
"""Least correlation of given scores with the data set's: other columns of the same opinions are on another scale."""
_EXACT = 1 - 1e-12

Array = NDArray[np.float64]


def rows_of_test(given: OutsidePredictions, table: ImageTable, split: Split, whose: str) -> OutsidePredictions:
    """The rows of test images, by the file's own split; all rows if it has none.

    Raises DataError if that is not the split of `whose`, the baseline, in words.
    """
    if given.splits is None:
        return given
    part = _parts(table, split)
    places = match_names(given.names, table.images).places
    wrong = [
        (given.names[row], said, part[place])
        for row, (said, place) in enumerate(zip(given.splits, places, strict=True))
        if place is not None and (said == "test") != (part[place] == "test")
    ]
    if wrong:
        name, said, ours = wrong[0]
        raise DataError(
            f"{given.path}: its split is not that of {whose} ({split_origin(table)}): {len(wrong):,} of its "
            f"{len(given):,} images are on the other side of the test split, such as {visible(name)}, {said} there and "
            f"{ours} here"
        )
    rows = [row for row, said in enumerate(given.splits) if said == "test"]
    if not rows:
        there = " and ".join(name for name in SPLITS if name in given.splits)
        raise DataError(f"{given.path}: has no rows of the test split; its rows are of {there}")
    return given.rows(rows)


def which_images(given: OutsidePredictions, table: ImageTable, split: Split, seeds: Sequence[int]) -> str:
    """Which other images a file has all of, as a clause: those of training, say, or of another seed; "" if none."""
    there = match_names(given.names, table.images).matched
    for name, indices in (("train", split.train), ("val", split.val)):
        if there >= set(indices.tolist()):
            return f"it has all {len(indices):,} {name} images"
    for seed in seeds if table.splits is None else ():
        if there >= set(split_table(table, seed).test.tolist()):
            return f"it has all test images of seed {seed}; --seed {seed} imports them for that seed alone"
    return ""


def scores_note(path: Path, given: Array | None, scores: Array, name: str) -> str:
    """How the opinion scores of a file, if it has any, relate to those of the data set `name`; "" if they are the same.

    Raises DataError if they are others.
    """
    if given is None or np.allclose(given, scores, rtol=0, atol=1e-3 * float(np.ptp(scores))):
        return ""
    agreement = plcc(given, scores)
    if not abs(agreement) >= SAME:
        k = int(np.argmax(np.abs(given - scores)))
        how = "are all equal" if np.isnan(agreement) else f"correlate {agreement:.3f}"
        raise DataError(
            f'{path}: its opinion scores are not those of "{name}": they {how}, and one is '
            f"{given[k]:g} there and {scores[k]:g} here; are they of another set, or of another column?"
        )
    return f"the file's opinion scores are on another scale (correlation {agreement:.4f}); those of {name} are used"


def oriented(path: Path, predictions: Array, scores: Array, lower_is_better: bool | None) -> tuple[Array, str]:
    """The predictions so that higher is better, and a note where what was said of them seems wrong.

    Raises DataError for predictions that are constant or are the scores themselves, and where nothing was said and
    lower seems to be better.
    """
    if np.ptp(predictions) == 0:
        raise DataError(f"{path}: all predictions of the test images are {predictions[0]:g}, so nothing is ranked")
    if len(scores) > 2 and abs(plcc(predictions, scores)) >= _EXACT:
        raise DataError(
            f"{path}: the predictions are the opinion scores themselves (correlation "
            f"{plcc(predictions, scores):.4f}); name the column of the predictions with --prediction-column"
        )
    turned = -predictions if lower_is_better else predictions
    value = srcc(turned, scores)
    if value > -STRONG:
        return turned, ""
    if lower_is_better is None:
        raise DataError(
            f"{path}: the SRCC with the opinion scores is {value:.4f}, as if lower were better; add --lower-is-better "
            "if it is, or --higher-is-better if the predictions are that wrong"
        )
    said = "--lower-is-better" if lower_is_better else "--higher-is-better"
    return turned, f"with {said} the SRCC is {value:.4f}: is that right?"


def _parts(table: ImageTable, split: Split) -> list[str]:
    found = [""] * len(table)
    for name, indices in zip(SPLITS, (split.train, split.val, split.test), strict=True):
        for index in indices.tolist():
            found[index] = name
    return found
