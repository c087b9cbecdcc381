"""From contrasts to laws of error: whose spread over seeds counts for which experiment."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from iqa_train.stats.contrast import Contrast, Side, correlation_over_seeds, of_means, paired, shared_seeds
from iqa_train.stats.error_law import Drawn, ErrorLaw, ImageLaw, Normal
from iqa_train.stats.seed_variance import SeedVariance, moderated, pooled
from iqa_train.stats.variance_parts import parts_of_draws

Array = NDArray[np.float64]
Scope = Literal["runs", "component"]

_LENDS = 3  # seeds from which on an experiment's spread is borrowed
_BORROWED_DEGREES = 10.0  # at most; the borrower may vary differently


@dataclass(frozen=True)
class Judgement:
    """A difference with the law of its error.

    `scope`: "component" where the spread over seeds is in the law, "runs" where it is unknown, so that only the runs
    are compared. `lenders` are the experiments whose spread is borrowed, with their number of seeds.
    """

    contrast: Contrast
    law: ErrorLaw
    scope: Scope
    seed_variance: SeedVariance | None = None
    lenders: Mapping[str, int] | None = None


def judgements(
    sides: Mapping[str, Side], base: Side, baseline: str, *, by_reference: bool = False, overlap: float = 0.0
) -> dict[str, Judgement]:
    """The difference of each of `sides` from `base`, by experiment; both have at least one seed.

    `by_reference`: units are references, whose part has tails of Student's t. `overlap` is n_test / n_train for sets
    with a split for each seed, whose training sets overlap, else 0 (Nadeau and Bengio, Machine Learning 52, 2003,
    section 3): the variance of k seeds is that of one times 1 / k + overlap. It counts for the part that is not from
    test images, whose overlap the influences show.
    """
    rho = correlation_over_seeds(list(sides.values()), base)
    contrasts = {name: _contrast(side, base, rho) for name, side in sides.items()}
    spreads = {
        name: (one.variance, len(one.shared)) for name, one in contrasts.items() if one.paired and len(one.shared) > 1
    }
    runs = {name: side for name, side in ({baseline: base} | dict(sides)).items() if len(side.seeds) >= _LENDS}
    found = {}
    for name, side in sides.items():
        one = contrasts[name]
        if name in spreads:
            others = [spread for other, spread in spreads.items() if other != name]
            known: SeedVariance | None = moderated(*spreads[name], others or _of_baseline(one, base))
            lenders = None
        else:
            one, known, lenders = _by_runs(side, base, one, runs)
        scope: Scope = "runs" if known is None else "component"
        found[name] = Judgement(one, error_law(one, known, by_reference, overlap), scope, known, lenders)
    return found


def _of_baseline(contrast: Contrast, base: Side) -> list[tuple[float, int]]:
    """What differences would vary by if an experiment's runs did as the baseline's, if it has further seeds.

    Otherwise a second seed, with one degree of freedom, would say less than the first with a borrowed spread.
    """
    k = len(base.seeds)
    return [(2 * base.variance, k)] if k >= _LENDS and k > len(contrast.shared) else []


def _contrast(side: Side, base: Side, rho: float) -> Contrast:
    shared = shared_seeds(side, base)
    if len(shared) > 1:
        return paired(side, base, rho)
    return paired(side, base.only(shared)) if shared else of_means(side, base)


def _by_runs(
    side: Side, base: Side, contrast: Contrast, lending: Mapping[str, Side]
) -> tuple[Contrast, SeedVariance | None, dict[str, int] | None]:
    """Where fewer than two seeds are shared: the spread of runs, of both sides or borrowed, if it is known."""
    if len(side.seeds) > 1 and len(base.seeds) > 1:
        return of_means(side, base), pooled([(one.variance, len(one.seeds)) for one in (side, base)]), None
    known = pooled([(one.variance, len(one.seeds)) for one in lending.values()], _BORROWED_DEGREES)
    if known is None:
        return contrast, None, None
    return of_means(side, base), known, {name: len(one.seeds) for name, one in lending.items()}


def error_law(contrast: Contrast, known: SeedVariance | None, by_reference: bool, overlap: float = 0.0) -> ErrorLaw:
    """The law of a contrast's error, with a spread over seeds that is `known`, or of the runs alone."""
    parts = contrast.parts
    if known is None:
        images = _image_law(contrast, parts.total, by_reference)
        return ErrorLaw(images, images)
    return ErrorLaw(
        _image_law(contrast, parts.shared, by_reference),
        _image_law(contrast, parts.whole, by_reference),
        known.variance * contrast.share + max(0.0, known.variance - parts.interaction) * overlap,
        known.degrees,
    )


def law_of_value(side: Side) -> ErrorLaw:
    """The law of the error of the mean over a side's seeds; it must have draws."""
    assert side.draws is not None
    k, mean = len(side.seeds), side.draws.mean(axis=0)
    parts = parts_of_draws(side.draws, side.units)
    value = Contrast(float(side.values.mean()), side.seeds, parts, 1 / k, side.values, paired=True, draws=mean)
    return error_law(value, SeedVariance(side.variance, k - 1) if k > 1 else None, by_reference=False)


def _image_law(contrast: Contrast, variance: float, by_reference: bool) -> ImageLaw:
    units, total = contrast.parts.units, contrast.parts.total
    if contrast.draws is None:
        return Normal(variance, units - 1 if by_reference else inf)
    centre = float(np.nanmean(contrast.draws)) if np.isfinite(contrast.draws).any() else 0.0
    size = (variance / total) ** 0.5 if total > 0 else 1.0
    return Drawn(centre - contrast.value + (contrast.draws - centre) * size, units)
