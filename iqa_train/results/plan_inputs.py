"""What a plan starts from: variances, times and effects of a study, as far as its finished runs show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean
from typing import Literal

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.needed_seeds import PooledVariance, pooled_variance
from iqa_train.results.paired_predictions import ExperimentPredictions, usable
from iqa_train.results.run_record import RunRecord, by_experiment, predictions_by_seed
from iqa_train.results.selection import RunSelection
from iqa_train.results.sides import Sides
from iqa_train.runs.round_seconds import round_seconds
from iqa_train.stats.contrast import correlation_over_seeds
from iqa_train.stats.planning import USUAL_EFFECT, Spread
from iqa_train.stats.power import difference_variance
from iqa_train.stats.spending import FIRST_SEEDS
from iqa_train.study.profiles import batches_of
from iqa_train.study.reach import ASSUMED_SHARED
from iqa_train.study.resolve import resolve

Basis = Literal["differences", "pilot", "none"]


@dataclass(frozen=True)
class Times:
    """Seconds that a seed of each experiment takes, and the standard error of their sum with its degrees of freedom.

    `assumed` are experiments that have not run; their time is that of the others, or the declared one.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    error: float | None = None
    degrees: int = 0
    assumed: tuple[str, ...] = ()

    @property
    def round(self) -> float | None:
        """One seed of every experiment; None if nothing is known."""
        return sum(self.seconds.values()) if self.seconds else None


@dataclass(frozen=True)
class PlanInputs:
    """`seed` is a difference's variance from seed to seed: with a `basis` "pilot", twice that of the baseline's runs.

    `spreads` are by experiment. `done` are numbers of finished seeds, with the baseline's; `used` those seeds.
    `effects` are the differences to be found; the study file has those of `declared`. `rho` is the correlation of runs
    that share a seed, None below eight pairs.
    """

    metric: str
    baseline: str
    experiments: tuple[str, ...]
    basis: Basis
    seed: PooledVariance | None
    spreads: Mapping[str, Spread]
    times: Times
    done: Mapping[str, int]
    used: tuple[int, ...]
    effects: Mapping[str, float]
    declared: tuple[str, ...]
    rho: float | None
    pairs: int
    units: str
    images_assumed: bool = False


def plan_inputs(chosen: RunSelection, metric: str, difference: float | None = None) -> PlanInputs:
    """Of the runs of a study that its file declares; `difference` replaces the declared effects.

    Raises NotComparableError for runs with other test images than the baseline's.
    """
    assert chosen.study is not None and chosen.baseline is not None
    base, grouped = chosen.baseline, by_experiment(chosen.runs)
    names = tuple(name for name in chosen.study.run_here if name != base)
    tested = [ExperimentPredictions(name, predictions_by_seed(grouped.get(name, []))) for name in (base, *names)]
    comparisons = {one.experiment: one for one in compare(tested, tested[0], metric)}
    ready = {one.experiment: made for one in tested if (made := usable(one, metric)).seeds}
    sides = Sides(list(ready.values()), metric)
    seed, basis = _seed_variance([comparisons[name] for name in names], comparisons[base])
    spreads, assumed = _spreads(names, comparisons, seed, comparisons[base], metric)
    own = {name: sides.of(one) for name, one in ready.items()}
    pairs = sum(len(comparisons[name].shared) for name in names if len(comparisons[name].shared) > 1)
    declared = _declared_effects(chosen, names) if metric == "srcc" else {}
    given = dict.fromkeys(names, difference) if difference else declared
    first = comparisons[base]
    rho = correlation_over_seeds([own[name] for name in names if name in own], own[base]) if pairs >= 8 else None
    return PlanInputs(
        metric=metric,
        baseline=base,
        experiments=names,
        basis=basis if spreads else "none",
        seed=seed if spreads else None,
        spreads=spreads,
        times=_times(chosen, grouped, (base, *names)),
        done={name: len(comparisons[name].seeds) for name in (base, *names)},
        used=tuple(sorted({int(seed) for one in comparisons.values() for seed in one.seeds if seed >= 0})),
        effects={name: abs(given.get(name, USUAL_EFFECT)) or USUAL_EFFECT for name in names},
        declared=() if difference else tuple(declared),
        rho=rho,
        pairs=pairs,
        units=f"{first.clusters} references"
        if first.clusters
        else f"{first.images} test images"
        if first.images
        else "",
        images_assumed=assumed,
    )


def _seed_variance(comparisons: Sequence[Comparison], base: Comparison) -> tuple[PooledVariance | None, Basis]:
    """The variance of a difference from seed to seed, and where it is from."""
    if (pooled := pooled_variance(comparisons)) is not None:
        return pooled, "differences"
    if base.seed_sd is None or len(base.seeds) < FIRST_SEEDS:
        return None, "none"
    return PooledVariance(2 * base.seed_sd**2, len(base.seeds) - 1.0), "pilot"


def _spreads(
    names: Sequence[str],
    comparisons: Mapping[str, Comparison],
    seed: PooledVariance | None,
    base: Comparison,
    metric: str,
) -> tuple[dict[str, Spread], bool]:
    """Variances by experiment; of those that have not run, the mean of the others.

    From one seed, the images' variance is known but not the part of it that seeds share; true if that is assumed for
    all, as it is for those of which nothing has run.
    """
    if seed is None:
        return {}, False
    found, assumed = {}, {}
    for name in names:
        contrast, known = comparisons[name].contrast, comparisons[name].seed_variance
        if contrast is None:
            continue
        if len(contrast.shared) > 1 and known is not None:
            parts = contrast.parts
            found[name] = Spread(parts.shared, max(known.variance, parts.interaction), parts.interaction)
        else:
            assumed[name] = _assumed(contrast.parts.total, seed)
    if not found and not assumed and metric == "srcc" and base.value is not None and base.images is not None:
        total = difference_variance(base.value, base.clusters or base.images)
        assumed = dict.fromkeys(names, _assumed(total, seed))
    if not found and not assumed:
        return {}, False
    usual = typical(list((found or assumed).values()))
    return {name: found.get(name) or assumed.get(name, usual) for name in names}, not found


def _assumed(images: float, seed: PooledVariance) -> Spread:
    """The usual part of the images' variance is shared by all seeds."""
    interaction = (1 - ASSUMED_SHARED) * images
    return Spread(ASSUMED_SHARED * images, max(seed.variance, interaction), interaction)


def typical(spreads: Sequence[Spread]) -> Spread:
    """The mean of each variance."""
    shared, seed, interaction = zip(*((one.shared, one.seed, one.interaction) for one in spreads), strict=True)
    return Spread(fmean(shared), fmean(seed), fmean(interaction))


def _declared_effects(chosen: RunSelection, names: Sequence[str]) -> dict[str, float]:
    """The middle of each expected difference."""
    assert chosen.study is not None
    found = {}
    for name in names:
        delta = resolve(chosen.study, name, profile=chosen.profile).expect.delta
        if delta is not None and delta[0] + delta[1]:
            found[name] = (delta[0] + delta[1]) / 2
    return found


def _times(chosen: RunSelection, grouped: Mapping[str, Sequence[RunRecord]], names: Sequence[str]) -> Times:
    finished = {name: [run for run in grouped.get(name, []) if run.finished] for name in names}
    measured = {name: [s for run in runs for s in round_seconds(run.result)] for name, runs in finished.items()}
    measured = {name: seconds for name, seconds in measured.items() if seconds}
    assumed = tuple(name for name in names if name not in measured)
    if not measured:
        assert chosen.study is not None
        minutes = [batch.minutes for batch in batches_of(chosen.study, chosen.name) if batch.minutes]
        return Times(dict.fromkeys(names, 60 * fmean(minutes)), assumed=assumed) if minutes else Times()
    means = {name: fmean(seconds) for name, seconds in measured.items()}
    usual = fmean(means.values())
    # How much a time varies is pooled over experiments, relative to their means.
    degrees = sum(len(seconds) - 1 for seconds in measured.values())
    squares = sum((s / means[name] - 1) ** 2 for name, seconds in measured.items() for s in seconds)
    seconds = {name: means.get(name, usual) for name in names}
    error = None
    if degrees:
        relative = squares / degrees
        error = sqrt(sum(relative * seconds[name] ** 2 / len(measured.get(name, [0])) for name in names))
    return Times(seconds, error, degrees, assumed)
