"""Compares experiments with the baseline from per-image predictions: values, differences, intervals, p."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import UserError
from iqa_train.results.paired_predictions import ExperimentPredictions, UsableSeeds, usable, why_unpaired
from iqa_train.results.sides import Sides
from iqa_train.stats.contrast import Contrast, Side
from iqa_train.stats.dependent_correlations import Dependent, compare_correlations
from iqa_train.stats.error_law import ErrorLaw
from iqa_train.stats.interval import Interval
from iqa_train.stats.judgement import Judgement, Scope, judgements, law_of_value
from iqa_train.stats.pair_auc import delong_p, judged_pairs, placements
from iqa_train.stats.registry import METRICS
from iqa_train.stats.seed_variance import SeedVariance
from iqa_train.text import plural

Array = NDArray[np.float64]


class NotComparableError(UserError):
    """Two experiments that differ in test images, scores or settings, so that their difference is meaningless."""

    exit_code = 1


@dataclass(frozen=True)
class Comparison:
    """One experiment's value and its difference from the baseline's; None where there is none, and `notes` say why.

    `clusters` is the number of reference images that were resampled, where several test images share one (the smallest
    number of any seed). `seeds` have a value; `shared` are those of both sides. `delta` is the difference of the two
    values `compared`. The difference's p and interval speak
    of the `scope`; `borrowed` names whose spread over seeds they use instead of the experiment's. `law`, `contrast` and
    `seed_variance` are what they come from.
    """

    experiment: str
    seeds: tuple[int, ...] = ()
    images: int | None = None
    clusters: int | None = None
    value: float | None = None
    values: Mapping[int, float] = field(default_factory=dict)
    interval: Interval | None = None
    seed_sd: float | None = None
    delta: float | None = None
    compared: tuple[float, float] | None = None
    delta_interval: Interval | None = None
    p: float | None = None
    shared: tuple[int, ...] = ()
    differences: Mapping[int, float] = field(default_factory=dict)
    scope: Scope | None = None
    borrowed: str = ""
    covers: str = ""
    law: ErrorLaw | None = None
    contrast: Contrast | None = None
    seed_variance: SeedVariance | None = None
    dependent: Dependent | None = None
    p_delong: float | None = None
    notes: tuple[str, ...] = ()


def compare(
    experiments: Sequence[ExperimentPredictions],
    baseline: ExperimentPredictions | None,
    metric: str = "srcc",
    *,
    resamples: int | None = None,
    parameters: int = 4,
    overlap: float = 0.0,
    anyway: bool = False,
) -> list[Comparison]:
    """A comparison for each of `experiments`, in order.

    Images that share a reference image count together. `resamples` of the test images give the intervals of values;
    0 gives values and differences without intervals. `baseline` may be one of the experiments, which then has no
    difference. `parameters` (4 or 5) are the logistic's. `overlap` is the ratio of test to training images of sets
    with a split for each seed; it counts only where seeds have different test images.

    Raises NotComparableError for an experiment that was tested on other images or scores than the baseline; with
    `anyway` that becomes a note, and the experiment has no difference.
    """
    ready = [usable(tested, metric, parameters) for tested in experiments]
    known = [one for one in ready if baseline is not None and one.experiment == baseline.experiment]
    base = known[0] if known else None if baseline is None else usable(baseline, metric, parameters)
    refused = [_why_not(one, base) for one in ready]
    for one, why in zip(ready, refused, strict=True):
        if why and base is not None and not anyway:
            raise NotComparableError(
                f"{one.experiment} and {base.experiment} have {why}; their difference cannot be paired "
                "(--anyway shows them without one)"
            )
    together = [one for one, why in zip(ready, refused, strict=True) if not why and one.seeds]
    sides = Sides(together if base is None or base in together else [base, *together], metric, resamples)
    judged = judged_differences(together, base, sides, overlap)
    results = []
    for one, why in zip(ready, refused, strict=True):
        found = _alone(one, Sides([one], metric, resamples) if why else sides, metric)
        if why and base is not None:
            found = replace(found, notes=(*found.notes, f"not compared with {base.experiment}: {why}"))
        elif base is not None and one.experiment in judged:
            found = _against(found, one, base, judged[one.experiment], metric, tested=sides.resamples > 0)
        results.append(found)
    twins = _twins(experiments if known or baseline is None else [baseline, *experiments])
    return [replace(one, notes=(*one.notes, *twins.get(one.experiment, ()))) for one in results]


def judged_differences(
    members: Sequence[UsableSeeds], base: UsableSeeds | None, sides: Sides, overlap: float
) -> dict[str, Judgement]:
    """The differences of all members from the baseline; none without a baseline that has a usable seed."""
    others = {
        one.experiment: sides.of(one) for one in members if base is not None and one.experiment != base.experiment
    }
    if base is None or not base.seeds or not others:
        return {}
    by_image = all(
        len(table.images) == side.units for one, side in _of_all(members, others) for table in one.by_seed.values()
    )
    images = {table.images for table in base.by_seed.values()}
    return judgements(
        others, sides.of(base), base.experiment, by_reference=not by_image, overlap=overlap if len(images) > 1 else 0.0
    )


def _of_all(members: Sequence[UsableSeeds], sides: Mapping[str, Side]) -> list[tuple[UsableSeeds, Side]]:
    return [(one, sides[one.experiment]) for one in members if one.experiment in sides]


def _alone(one: UsableSeeds, sides: Sides, metric: str) -> Comparison:
    if not one.seeds:
        return Comparison(one.experiment, notes=one.notes)
    side = sides.resampled(one)
    value, sizes = float(side.values.mean()), {len(table.images) for table in one.by_seed.values()}
    interval = law_of_value(side).interval(value) if sides.resamples else None
    notes = one.notes if len(sizes) == 1 else (*one.notes, f"{min(sizes)} to {max(sizes)} test images, by seed")
    if sides.resamples and (_mostly_undefined(side) or side.units < 2):
        interval, notes = None, (*notes, "no interval: the test images are too few")
    elif interval is not None and interval[0] == interval[1]:  # it would claim certainty
        interval, notes = None, (*notes, "no interval: the value is the same on every resample")
    return Comparison(
        one.experiment,
        seeds=one.seeds,
        images=max(sizes),
        clusters=side.units if side.units < min(sizes) else None,
        value=value,
        values=one.values,
        interval=_possible(interval, metric),
        seed_sd=float(side.values.std(ddof=1)) if len(one.seeds) > 1 else None,
        notes=notes,
    )


def _mostly_undefined(side: Side) -> bool:
    """Whether half of the resamples or more have no value, as with very few images."""
    return side.draws is not None and 2 * int(np.isfinite(side.draws.mean(axis=0)).sum()) <= side.draws.shape[1]


def _against(
    found: Comparison, one: UsableSeeds, base: UsableSeeds, judged: Judgement, metric: str, *, tested: bool
) -> Comparison:
    """`found` with its difference from the baseline."""
    contrast, notes = judged.contrast, list(found.notes)
    found = replace(
        found,
        delta=contrast.value,
        compared=values_compared(contrast, one.values),
        shared=contrast.shared,
        differences=dict(zip(contrast.shared, map(float, contrast.differences), strict=True)),
        covers=_covers(one, base, contrast, judged),
    )
    if len(contrast.shared) == 2 and contrast.paired:
        notes.append(
            "two seeds say little about the variation between seeds, so the interval is wide; a third helps most"
        )
    if not tested:
        return replace(found, notes=tuple(notes))
    if contrast.parts.units < 2:
        return replace(found, notes=tuple(notes))
    interval = judged.law.interval(contrast.value)
    if not interval[0] < interval[1]:  # it would claim certainty
        return replace(found, notes=(*notes, "no interval of the difference: it is the same on every resample"))
    return replace(
        found,
        delta_interval=interval,
        p=judged.law.p(contrast.value),
        scope=judged.scope,
        borrowed=_lenders(judged),
        law=judged.law,
        contrast=contrast,
        seed_variance=judged.seed_variance,
        dependent=None if found.clusters else _analytic_tests(one, base, contrast.shared, metric),
        p_delong=_delong(one, base, contrast.shared, metric),
        notes=tuple(notes),
    )


def values_compared(contrast: Contrast, values: Mapping[int, float]) -> tuple[float, float]:
    """The two values that a difference is the difference of; `values` are the experiment's by seed.

    The baseline's is a weighted mean where it has seeds beside the shared ones (`stats.contrast`).
    """
    mine = fmean(values[seed] for seed in (contrast.shared if contrast.paired else values))
    return mine, mine - contrast.value


def _covers(one: UsableSeeds, base: UsableSeeds, contrast: Contrast, judged: Judgement) -> str:
    """What the difference is over."""
    shared = contrast.shared
    if judged.scope == "runs":
        of = (
            f"seed {shared[0]} of both"
            if shared
            else f"seed {one.seeds[0]}, and {_seeds(base.seeds)} of {base.experiment}"
        )
        return f"two runs: {of}" if len(base.seeds) == 1 or shared else f"runs: {of}"
    if not contrast.paired:
        return f"{_seeds(one.seeds)}, and {_seeds(base.seeds)} of {base.experiment}"
    more = [seed for seed in base.seeds if seed not in shared]
    text = f"the shared {_seeds(shared)}"
    return f"{text}, and {plural(len(more), 'further seed')} of {base.experiment}" if more else text


def _lenders(judged: Judgement) -> str:
    return ", ".join(f"{name} ({plural(k, 'seed')})" for name, k in (judged.lenders or {}).items())


def _possible(interval: Interval | None, metric: str) -> Interval | None:
    """The interval, cut to the range of the metric."""
    if interval is None:
        return None
    least, most = METRICS[metric].bounds
    return max(least, interval[0]), min(most, interval[1])


def _why_not(one: UsableSeeds, base: UsableSeeds | None) -> str:
    """Why the two cannot be paired; "" if they can, or if there is nothing to compare."""
    if base is None or base.experiment == one.experiment or not one.seeds or not base.seeds:
        return ""
    shared = [seed for seed in one.seeds if seed in base.by_seed]
    for seed in shared:
        why = why_unpaired(one.by_seed[seed], base.by_seed[seed])
        if why:
            return f"{why} at seed {seed}"
    if shared:
        return ""
    tables = [*one.by_seed.values(), *base.by_seed.values()]
    return next((why for table in tables[1:] if (why := why_unpaired(tables[0], table))), "")


def _analytic_tests(one: UsableSeeds, base: UsableSeeds, shared: Sequence[int], metric: str) -> Dependent | None:
    """Analytic tests of the correlations' means over the shared seeds."""
    measure = METRICS[metric].correlation
    if measure is None or not shared:
        return None
    r1 = np.mean([one.values[seed] for seed in shared])
    r2 = np.mean([base.values[seed] for seed in shared])
    r12 = np.mean([measure(one.by_seed[seed].predictions, base.by_seed[seed].predictions) for seed in shared])
    images = min(len(one.by_seed[seed].images) for seed in shared)
    return compare_correlations(float(r1), float(r2), float(r12), images, ranks=METRICS[metric].ranks)


def _delong(one: UsableSeeds, base: UsableSeeds, shared: Sequence[int], metric: str) -> float | None:
    """DeLong's p of the AUCs' means over the shared seeds, where these have the same test images."""
    tables = [base.by_seed[seed] for seed in shared]
    if not METRICS[metric].of_pairs or not tables or any(table.images != tables[0].images for table in tables):
        return None
    opinions = tables[0].opinions
    if opinions is None:
        return None
    pairs, question = judged_pairs(tables[0].scores, opinions), metric.removeprefix("auc_")
    mine, theirs = (
        [placements(question, side.by_seed[seed].predictions, pairs) for seed in shared] for side in (one, base)
    )
    return delong_p(mine, theirs)


def _twins(experiments: Sequence[ExperimentPredictions]) -> dict[str, list[str]]:
    """Notes on predictions that are identical to those of an earlier experiment or seed."""
    notes: dict[str, list[str]] = {}
    seen: dict[tuple[int, bytes], str] = {}
    for one in experiments:
        own: dict[bytes, int] = {}
        for seed, table in one.by_seed.items():
            first = own.setdefault(table.predictions.tobytes(), seed)
            if first != seed:
                note = f"suspicious: the predictions of seeds {first} and {seed} are identical"
                notes.setdefault(one.experiment, []).append(note)
            earlier = seen.setdefault((seed, table.predictions.tobytes()), one.experiment)
            if earlier != one.experiment:
                note = f"suspicious: predictions identical to {earlier}'s (seed {seed})"
                notes.setdefault(one.experiment, []).append(note)
    return notes


def _seeds(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
