"""An experiment's predictions by seed: which are usable, and how their images pair with those of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from iqa_train.runs.predictions import Predictions
from iqa_train.stats.bootstrap import Model
from iqa_train.stats.logistic import fit_logistic
from iqa_train.stats.opinions import beyond_opinions, why_unusable
from iqa_train.stats.registry import METRICS

Array = NDArray[np.float64]

_ONE_CLASS = "no AUC: the opinions tell all pairs of images apart, or none"


@dataclass(frozen=True)
class ExperimentPredictions:
    """An experiment's predictions on its test images, by seed."""

    experiment: str
    by_seed: Mapping[int, Predictions]


@dataclass(frozen=True)
class UsableSeeds:
    """The seeds with a defined value, mapped if the metric needs the fit; `notes` are on fits and on other seeds."""

    experiment: str
    by_seed: dict[int, Predictions]
    values: dict[int, float]
    notes: tuple[str, ...] = field(default=())

    @property
    def seeds(self) -> tuple[int, ...]:
        """The usable seeds, in order of the runs."""
        return tuple(self.by_seed)


def usable(tested: ExperimentPredictions, metric: str, parameters: int = 4) -> UsableSeeds:
    """The seeds with a defined value, their tables sorted by image; a note with the reason for each other seed.

    `parameters` (4 or 5) are the logistic's, for a metric after the fit.
    """
    kept: dict[int, Predictions] = {}
    values: dict[int, float] = {}
    notes: list[str] = []
    for seed, table in tested.by_seed.items():
        ready, why = _mapped(by_image(table), metric, parameters)
        if ready is None:
            notes.append(f"seed {seed}: {why}")
            continue
        value = METRICS[metric].given(ready.opinions).value(ready.predictions, ready.scores)
        if METRICS[metric].of_pairs and not isfinite(value):
            notes.append(f"seed {seed}: {_ONE_CLASS}")
            continue
        kept[seed], values[seed] = ready, value
        notes += [f"seed {seed}: {why}"] if why else []
    return UsableSeeds(tested.experiment, kept, values, tuple(notes))


def units_of(tables: Sequence[Predictions]) -> dict[str, int]:
    """Image -> number of its resampling unit, for the images of all tables.

    Images that share a reference image are not independent, so they form one unit; an image without a reference is a
    unit by itself. Tables of older runs have no references and take those of the other tables.
    """
    reference = {
        image: reference_name
        for table in tables
        if table.references is not None
        for image, reference_name in zip(table.images, table.references, strict=True)
    }
    units = {image: reference.get(image, image) for table in tables for image in table.images}
    numbered = {unit: k for k, unit in enumerate(sorted(set(units.values())))}
    return {image: numbered[unit] for image, unit in units.items()}


def model_of(table: Predictions, numbered: Mapping[str, int]) -> Model:
    """A table in the form that the bootstrap takes, with unit numbers from `units_of`."""
    rows = np.array([numbered[image] for image in table.images], dtype=np.int64)
    return Model(table.scores, table.predictions, rows, table.opinions)


def why_unpaired(table: Predictions, other: Predictions) -> str:
    """Why predictions in these two tables (sorted by image) cannot be paired; "" if they can."""
    if table.images != other.images:
        missing = len(set(table.images) ^ set(other.images))
        if len(table.images) != len(other.images):
            return f"different test images ({len(table.images)} and {len(other.images)})"
        return f"different test images ({missing // 2} of {len(table.images)} differ)"
    differ = np.flatnonzero(table.scores != other.scores)
    if len(differ):
        first = differ[0]
        return (
            f"different opinion scores ({len(differ)} of {len(table.images)} images, such as {table.images[first]}: "
            f"{table.scores[first]:g} and {other.scores[first]:g})"
        )
    if table.references is not None and other.references is not None and table.references != other.references:
        return "different reference images for the same test images"
    return ""


def by_image(table: Predictions) -> Predictions:
    """The table sorted by image, as everything is computed from it; a fit of other order would not be found again."""
    order = sorted(range(len(table.images)), key=table.images.__getitem__)
    if order == list(range(len(order))):
        return table
    references = None if table.references is None else tuple(table.references[k] for k in order)
    images = tuple(table.images[k] for k in order)
    opinions = None if table.opinions is None else table.opinions[np.array(order, dtype=np.int64)]
    return Predictions(images, table.scores[order], table.predictions[order], references, opinions)


def _mapped(table: Predictions, metric: str, parameters: int) -> tuple[Predictions | None, str]:
    """The table that the metric is computed from, with a remark; or None, with the reason."""
    bad = int(np.count_nonzero(~np.isfinite(table.predictions)))
    if bad:
        return None, f"{bad} of {len(table.images)} predictions are not finite numbers"
    if not np.isfinite(table.scores).all():
        return None, "some opinion scores are not finite numbers"
    if len(table.images) < 2:
        return None, f"{len(table.images)} test images are too few"
    for name, side in (("predictions", table.predictions), ("opinion scores", table.scores)):
        if side.min() == side.max():
            return None, f"all {name} are equal, so correlation is undefined"
    why = _without_opinions(table, metric)
    if why or not METRICS[metric].fitted:
        return None if why else table, why
    of_p1401 = METRICS[metric].beyond_opinions
    fit = fit_logistic(table.predictions, table.scores, parameters, monotonic=of_p1401)
    if fit.mapped is None:
        return None, fit.note
    mapped = fit.mapped
    if of_p1401 and table.opinions is not None:
        mapped = beyond_opinions(mapped, table.scores, table.opinions, parameters)
    return replace(table, predictions=mapped), fit.remark


def _without_opinions(table: Predictions, metric: str) -> str:
    """Why a metric that needs the opinions cannot be computed; "" if it can, or does not need them."""
    if not METRICS[metric].needs_opinions:
        return ""
    if table.opinions is None:
        return (
            "spread and number of the opinions are not known: the data set has none, or the run is of an older version"
        )
    return why_unusable(table.opinions)
