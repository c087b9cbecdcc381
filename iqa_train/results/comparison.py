"""Compares experiments with the baseline from per-image predictions: values, differences, intervals, p."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iqa_train.errors import UserError
from iqa_train.results.paired_predictions import (
    ExperimentPredictions,
    UsableSeeds,
    model_of,
    units_of,
    usable,
    why_unpaired,
)
from iqa_train.stats.bootstrap import bootstrap, interval_of, p_value
from iqa_train.stats.dependent_correlations import Dependent, compare_correlations
from iqa_train.stats.interval import Interval
from iqa_train.stats.registry import METRICS
from iqa_train.stats.resamples import Resamples
from iqa_train.stats.seed_uncertainty import SeedDraws, difference_of_means, mean_over_seeds

Array = NDArray[np.float64]


class NotComparableError(UserError):
    """Two experiments that differ in test images, scores or settings, so that their difference is meaningless."""

    exit_code = 1


@dataclass(frozen=True)
class Comparison:
    """One experiment's value and its difference from the baseline's; None where there is none, and `notes` say why.

    `clusters` is the number of reference images that were resampled, where several test images share one (the smallest
    number of any seed). `seeds` have a value; the difference is over the seeds `shared`. `image_variance` and
    `seed_variance` belong to the difference; see `stats.seed_uncertainty.Estimate`.
    """

    experiment: str
    seeds: tuple[int, ...] = ()
    images: int | None = None
    clusters: int | None = None
    value: float | None = None
    interval: Interval | None = None
    seed_sd: float | None = None
    delta: float | None = None
    delta_interval: Interval | None = None
    p: float | None = None
    shared: tuple[int, ...] = ()
    image_variance: float | None = None
    seed_variance: float | None = None
    dependent: Dependent | None = None
    notes: tuple[str, ...] = ()


def compare(
    experiments: Sequence[ExperimentPredictions],
    baseline: ExperimentPredictions | None,
    metric: str = "srcc",
    *,
    key: str = "",
    resamples: int | None = None,
    parameters: int = 4,
    anyway: bool = False,
) -> list[Comparison]:
    """A comparison for each of `experiments`, in order, all on the same resamples of the test images.

    Images that share a reference image are resampled together. `key` names the random stream: the same key and
    predictions give the same numbers. `resamples` defaults to the metric's number; 0 gives values and differences
    without intervals. `baseline` may be one of the experiments, which then has no difference. `parameters` (4 or 5) are
    the logistic's.

    Raises NotComparableError for an experiment that was tested on other images or scores than the baseline; with
    `anyway` that becomes a note, and the experiment has no difference.
    """
    count = METRICS[metric].resamples if resamples is None else resamples
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
    together = [one for one, why in zip(ready, refused, strict=True) if not why]
    draws = _Draws(together if base is None else [base, *together], metric, key, count)
    results = []
    for one, why in zip(ready, refused, strict=True):
        own = _Draws([one], metric, key, count) if why else draws
        found = _alone(one, own, metric, key)
        if why and base is not None:
            found = replace(found, notes=(*found.notes, f"not compared with {base.experiment}: {why}"))
        elif base is not None and one.experiment != base.experiment:
            found = _against(found, one, base, own, metric, key)
        results.append(found)
    twins = _twins(experiments if known or baseline is None else [baseline, *experiments])
    return [replace(one, notes=(*one.notes, *twins.get(one.experiment, ()))) for one in results]


def resampling_notes(resamples: int, clusters: Sequence[int | None], metric: str) -> list[str]:
    """How the intervals were made: by image, or by shared reference image; `clusters` are those of each comparison."""
    words = f"95 % intervals from {resamples:,} paired resamples of the test images"
    counts = [count for count in clusters if count is not None]
    if not counts:
        return [words]
    many = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    notes = [f"{words}, resampled by reference ({many})"]
    if METRICS[metric].correlation:
        notes.append("no analytic tests: they assume independent images, and images that share a reference are not")
    return notes


class _Draws:
    """The values of all models on the same resamples."""

    def __init__(self, members: Sequence[UsableSeeds], metric: str, key: str, resamples: int) -> None:
        tables = {(m.experiment, seed): table for m in members for seed, table in m.by_seed.items()}
        numbered = units_of(list(tables.values()))
        models = [model_of(table, numbered) for table in tables.values()]
        units = len(set(numbered.values()))
        drawn = bootstrap(models, metric, Resamples(units, resamples, key)) if models else ()
        self._by_model = dict(zip(tables, drawn, strict=True))
        self._units = {name: len(np.unique(model.rows)) for name, model in zip(tables, models, strict=True)}

    def of(self, one: UsableSeeds, seeds: Sequence[int]) -> SeedDraws:
        """An experiment's values and draws by seed."""
        values = np.array([one.values[seed] for seed in seeds])
        draws = np.stack([self._by_model[one.experiment, seed] for seed in seeds])
        return SeedDraws(values, draws, min(self._units[one.experiment, seed] for seed in seeds))


def _alone(one: UsableSeeds, draws: _Draws, metric: str, key: str) -> Comparison:
    if not one.seeds:
        return Comparison(one.experiment, notes=one.notes)
    side = draws.of(one, one.seeds)
    found = mean_over_seeds(side, key)
    interval = interval_of(found.draws)
    sizes = {len(table.images) for table in one.by_seed.values()}
    notes = one.notes if len(sizes) == 1 else (*one.notes, f"{min(sizes)} to {max(sizes)} test images, by seed")
    if found.draws.size and interval is None:
        notes = (*notes, "no interval: the test images are too few")
    elif interval is not None and interval[0] == interval[1]:  # it would claim certainty
        interval, notes = None, (*notes, "no interval: the value is the same on every resample")
    return Comparison(
        one.experiment,
        seeds=one.seeds,
        images=max(sizes),
        clusters=side.units if side.units < min(sizes) else None,
        value=found.value,
        interval=_possible(interval, metric),
        seed_sd=found.seed_sd,
        notes=notes,
    )


def _against(
    found: Comparison, one: UsableSeeds, base: UsableSeeds, draws: _Draws, metric: str, key: str
) -> Comparison:
    """`found` with its difference from the baseline: over shared seeds, or between means if there are none."""
    if not one.seeds or not base.seeds:
        return found
    shared = tuple(seed for seed in one.seeds if seed in base.by_seed)
    notes = list(found.notes)
    if shared:
        mine, theirs = draws.of(one, shared), draws.of(base, shared)
        estimate = mean_over_seeds(
            SeedDraws(mine.values - theirs.values, mine.draws - theirs.draws, min(mine.units, theirs.units)), key
        )
        if shared != one.seeds or len(shared) < len(base.seeds):
            notes.append(f"difference over the shared {_seeds(shared)}")
    else:
        estimate = difference_of_means(draws.of(one, one.seeds), draws.of(base, base.seeds), key)
        notes.append(f"no shared seeds with {base.experiment}: the interval also contains seed-to-seed variation")
    if len(shared) == 2:
        notes.append(
            "two seeds say little about the variation between seeds, so the interval is wide; a third helps most"
        )
    return replace(
        found,
        delta=estimate.value,
        delta_interval=interval_of(estimate.draws),
        p=p_value(estimate.draws),
        shared=shared,
        image_variance=estimate.image_variance,
        seed_variance=estimate.seed_variance,
        dependent=None if found.clusters else _analytic_tests(one, base, shared, metric),
        notes=tuple(notes),
    )


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
